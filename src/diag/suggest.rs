//! "Did you mean": the closest known word.

/// The known word nearest to `word`, if one is near enough to be what was
/// meant: at most a third of its letters differ (adjacent letters swapped
/// count as one difference), or only the case does.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = word.chars().count();
    let allowed = (length.max(3) / 3).min(3);
    known
        .into_iter()
        .filter(|candidate| *candidate != word && candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| {
            let distance = if candidate.eq_ignore_ascii_case(word) { 0 } else { distance(word, candidate) };
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Damerau-Levenshtein distance with adjacent swaps, over characters.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (i, ca) in a.chars().enumerate() {
        let mut row = vec![i + 1];
        let mut previous_b = None;
        for (j, &cb) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut best =
                (at(&last, j) + usize::from(ca != cb)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if Some(cb) == previous_a && Some(ca) == previous_b && j > 0 {
                best = best.min(at(&before_last, j - 1) + 1);
            }
            row.push(best);
            previous_b = Some(cb);
        }
        previous_a = Some(ca);
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_near_and_leaves_the_far() {
        let known = ["roles", "codes", "access", "organizer"];
        assert_eq!(did_you_mean("role", known), Some("roles"));
        assert_eq!(did_you_mean("raccess", known), Some("access"));
        assert_eq!(did_you_mean("orgnaizer", known), Some("organizer"));
        assert_eq!(did_you_mean("Codes", known), Some("codes"));
        assert_eq!(did_you_mean("networks", known), None);
        assert_eq!(did_you_mean("x", known), None);
    }

    #[test]
    fn a_swap_counts_once() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
