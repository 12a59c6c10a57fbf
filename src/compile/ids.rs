//! A few ids, nearly always one: that stands where it is used, so that it takes
//! no memory of its own and is found without another cache miss.

use std::ops::Deref;

/// A list of ids that does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids<T>(Held<T>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Held<T> {
    One(T),
    Others(Box<[T]>),
}

impl<T> Deref for Ids<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Held::One(id) => std::slice::from_ref(id),
            Held::Others(ids) => ids,
        }
    }
}

impl<T> FromIterator<T> for Ids<T> {
    fn from_iter<I: IntoIterator<Item = T>>(ids: I) -> Self {
        let mut ids = ids.into_iter();
        Self(match (ids.next(), ids.next()) {
            (Some(id), None) => Held::One(id),
            (first, second) => Held::Others(first.into_iter().chain(second).chain(ids).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_what_it_was_made_of() {
        for ids in [vec![], vec![7_u32], vec![7, 8], vec![9, 8, 7]] {
            assert_eq!(*ids.iter().copied().collect::<Ids<u32>>(), *ids);
        }
        assert_eq!(size_of::<Ids<u32>>(), 16);
    }
}
