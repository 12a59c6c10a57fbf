//! Sets of small integers.

/// A set of integers below a bound fixed at its making. Asking for a number
/// beyond the bound answers no.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BitSet(Box<[u64]>);

impl BitSet {
    /// An empty set of numbers below `bound`.
    pub fn new(bound: usize) -> Self {
        Self(vec![0; bound.div_ceil(64)].into_boxed_slice())
    }

    /// Whether the number is in the set.
    pub fn contains(&self, number: u32) -> bool {
        self.0.get(word(number)).is_some_and(|w| w & (1 << (number % 64)) != 0)
    }

    /// Adds a number below the bound.
    pub fn insert(&mut self, number: u32) {
        if let Some(w) = self.0.get_mut(word(number)) {
            *w |= 1 << (number % 64);
        }
    }

    /// Adds everything of another set of the same bound.
    pub fn union(&mut self, other: &BitSet) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    /// Removes everything of another set of the same bound.
    pub fn subtract(&mut self, other: &BitSet) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine &= !theirs;
        }
    }

    /// Removes everything that is not in another set of the same bound.
    pub fn intersect(&mut self, other: &BitSet) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine &= theirs;
        }
    }

    /// How many bytes it takes beside itself.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// The numbers, in rising order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().zip(0u32..).flat_map(|(word, at)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| at * 64 + bit)
        })
    }
}

fn word(number: u32) -> usize {
    usize::try_from(number / 64).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_a_set() {
        let mut a = BitSet::new(130);
        for n in [0, 63, 64, 129] {
            a.insert(n);
        }
        a.insert(1000);
        assert!(!a.contains(1000), "beyond the bound is never in the set");
        let mut b = BitSet::new(130);
        b.insert(63);
        a.subtract(&b);
        assert_eq!(a.iter().collect::<Vec<_>>(), [0, 64, 129]);
        let mut c = a.clone();
        c.intersect(&b);
        assert_eq!(c.iter().count(), 0);
        b.union(&a);
        assert_eq!(b.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
    }
}
