//! Boolean functions over the facts of a request and its caller, as binary
//! decision diagrams: two functions are equal exactly when their diagrams are.
//! The only file that names the library.
//!
//! A variable is a yes-or-no fact. A choice among several values that exclude
//! each other (which user, which stretch of time) is a [`Choice`]: a number in
//! binary, whose last value also stands for all codes beyond it, so that every
//! assignment of the variables means something.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use biodivine_lib_bdd::{Bdd, BddPartialValuation, BddPointer, BddVariable, BddVariableSet};

/// A boolean function.
pub(super) type Function = Bdd;

/// How large a diagram may become. What is larger is not proved, and said so.
const MAX_NODES: usize = 1 << 21;

/// A yes-or-no fact, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Variable(u16);

/// One of several values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    bits: Vec<Variable>,
    size: usize,
}

/// Hands out variables.
#[derive(Debug, Default)]
pub(super) struct Plan(usize);

/// The functions of one set of variables.
#[derive(Debug)]
pub(super) struct Logic {
    variables: BddVariableSet,
    overflown: Cell<bool>,
}

/// There are more facts, or larger functions of them, than can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooComplex;

/// A choice of values for variables; those that are not named may have any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Assignment(BTreeMap<Variable, bool>);

impl Plan {
    /// One more fact.
    pub(super) fn variable(&mut self) -> Variable {
        let number = u16::try_from(self.0).unwrap_or(u16::MAX);
        self.0 += 1;
        Variable(number)
    }

    /// One more choice among so many values; at least one.
    pub(super) fn choice(&mut self, size: usize) -> Choice {
        let size = size.max(1);
        let bits = usize::BITS - (size - 1).leading_zeros();
        Choice { bits: (0..bits).map(|_| self.variable()).collect(), size }
    }

    /// All of them.
    pub(super) fn finish(self) -> Result<Logic, TooComplex> {
        let count = u16::try_from(self.0).map_err(|_| TooComplex)?;
        if count >= u16::MAX - 1 {
            return Err(TooComplex);
        }
        Ok(Logic { variables: BddVariableSet::new_anonymous(count), overflown: Cell::new(false) })
    }
}

impl Choice {
    /// The same bits for fewer values.
    pub(super) fn narrowed(&self, size: usize) -> Self {
        let needed = usize::BITS - (size.max(1) - 1).leading_zeros();
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        let skip = self.bits.len().saturating_sub(needed);
        Self { bits: self.bits.iter().skip(skip).copied().collect(), size: size.max(1) }
    }

    /// Whether it can be any one of so many values.
    pub(super) fn can_be(&self, size: usize) -> bool {
        let codes = u32::try_from(self.bits.len()).ok().and_then(|bits| 1_usize.checked_shl(bits));
        codes.is_none_or(|codes| size <= codes)
    }

    /// Its variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = Variable> {
        self.bits.iter().copied()
    }

    /// The value in an assignment; the first one where nothing is said.
    pub(super) fn value(&self, assignment: &Assignment) -> usize {
        let bit = |sum: usize, bit: &Variable| sum * 2 + usize::from(assignment.holds(*bit));
        self.bits.iter().fold(0, bit).min(self.size - 1)
    }
}

impl Assignment {
    /// Whether a fact holds; where nothing is said, it does not.
    pub(super) fn holds(&self, fact: Variable) -> bool {
        self.0.get(&fact).copied().unwrap_or(false)
    }
}

impl Logic {
    /// Always or never.
    pub(super) fn constant(&self, value: bool) -> Function {
        if value { self.variables.mk_true() } else { self.variables.mk_false() }
    }

    /// A fact.
    pub(super) fn fact(&self, fact: Variable) -> Function {
        self.variables.mk_var(variable(fact))
    }

    /// Some of these facts.
    pub(super) fn some(&self, facts: impl IntoIterator<Item = Variable>) -> Function {
        let mut clause = BddPartialValuation::empty();
        facts.into_iter().for_each(|fact| clause.set_value(variable(fact), true));
        self.variables.mk_disjunctive_clause(&clause)
    }

    /// A choice has one of these values.
    pub(super) fn among(&self, choice: &Choice, values: &BTreeSet<usize>) -> Function {
        let codes = 1_usize.checked_shl(u32::try_from(choice.bits.len()).unwrap_or(u32::MAX)).unwrap_or(0);
        let last = choice.size - 1;
        let mut level: Vec<Function> =
            (0..codes).map(|code| self.constant(values.contains(&code.min(last)))).collect();
        for bit in choice.bits.iter().rev() {
            let bit = self.fact(*bit);
            level = level
                .chunks(2)
                .filter_map(|pair| match pair {
                    [low, high] if low == high => Some(low.clone()),
                    [low, high] => Some(Bdd::if_then_else(&bit, high, low)),
                    _ => None,
                })
                .collect();
        }
        level.pop().unwrap_or_else(|| self.constant(false))
    }

    /// Both.
    pub(super) fn and(&self, one: &Function, other: &Function) -> Function {
        self.bounded(Bdd::binary_op_with_limit(MAX_NODES, one, other, biodivine_lib_bdd::op_function::and))
    }

    /// One of the two, or both.
    pub(super) fn or(&self, one: &Function, other: &Function) -> Function {
        self.bounded(Bdd::binary_op_with_limit(MAX_NODES, one, other, biodivine_lib_bdd::op_function::or))
    }

    /// The first without the second.
    pub(super) fn but_not(&self, one: &Function, other: &Function) -> Function {
        self.bounded(Bdd::binary_op_with_limit(
            MAX_NODES,
            one,
            other,
            biodivine_lib_bdd::op_function::and_not,
        ))
    }

    /// The opposite.
    pub(super) fn not(&self, one: &Function) -> Function {
        one.not()
    }

    /// All of them, or any.
    pub(super) fn all_or_any(&self, all: bool, parts: impl IntoIterator<Item = Function>) -> Function {
        if all { self.all(parts) } else { self.any(parts) }
    }

    /// All of them.
    pub(super) fn all(&self, parts: impl IntoIterator<Item = Function>) -> Function {
        self.joined(parts.into_iter().collect(), true, Self::and)
    }

    /// Any of them.
    pub(super) fn any(&self, parts: impl IntoIterator<Item = Function>) -> Function {
        self.joined(parts.into_iter().collect(), false, Self::or)
    }

    /// In pairs, so that no part is gone through more than a few times.
    fn joined(
        &self,
        mut parts: Vec<Function>,
        none: bool,
        join: fn(&Self, &Function, &Function) -> Function,
    ) -> Function {
        while parts.len() > 1 {
            parts = parts
                .chunks(2)
                .filter_map(|pair| match pair {
                    [one, other] => Some(join(self, one, other)),
                    [one] => Some(one.clone()),
                    _ => None,
                })
                .collect();
        }
        parts.pop().unwrap_or_else(|| self.constant(none))
    }

    fn bounded(&self, made: Option<Function>) -> Function {
        made.unwrap_or_else(|| self.overflow())
    }

    /// Stands for what could not be made.
    pub(super) fn overflow(&self) -> Function {
        self.overflown.set(true);
        self.constant(false)
    }

    /// Whether everything so far could be made. What was made after something
    /// could not is worth nothing.
    pub(super) fn check(&self) -> Result<(), TooComplex> {
        if self.overflown.get() { Err(TooComplex) } else { Ok(()) }
    }
}

/// What a function needs of some facts, whatever the others are.
pub(super) fn without(function: &Function, others: impl IntoIterator<Item = Variable>) -> Function {
    let others: Vec<BddVariable> = others.into_iter().map(variable).collect();
    function.exists(&others)
}

/// A function where some facts are known.
pub(super) fn given(function: &Function, known: &[(Variable, bool)]) -> Function {
    let known: Vec<_> = known.iter().map(|(fact, value)| (variable(*fact), *value)).collect();
    function.restrict(&known)
}

/// The facts that a function depends on.
pub(super) fn support(function: &Function) -> BTreeSet<Variable> {
    function
        .support_set()
        .into_iter()
        .filter_map(|v| u16::try_from(v.to_index()).ok())
        .map(Variable)
        .collect()
}

/// An assignment for which the function holds, with as few facts as possible
/// on the way.
pub(super) fn witness(function: &Function) -> Option<Assignment> {
    let values = function.most_negative_valuation()?.to_values();
    let known = |(v, value): (BddVariable, bool)| Some((Variable(u16::try_from(v.to_index()).ok()?), value));
    Some(Assignment(values.into_iter().filter_map(known).collect()))
}

/// How many sets [`smallest`] keeps.
const KEPT: usize = 64;

/// The smallest sets of facts that make a function hold, all other facts being
/// false: none of them contains another. The smallest first; many are cut off.
pub(super) fn smallest(function: &Function) -> Vec<BTreeSet<Variable>> {
    let mut known: HashMap<BddPointer, Vec<BTreeSet<Variable>>> = HashMap::new();
    known.insert(BddPointer::zero(), Vec::new());
    known.insert(BddPointer::one(), vec![BTreeSet::new()]);
    // Nodes stand behind all those that they lead to.
    for at in function.pointers().filter(|at| !at.is_terminal()) {
        let sets = |link| known.get(&link).cloned().unwrap_or_default();
        let (low, high) = (sets(function.low_link_of(at)), sets(function.high_link_of(at)));
        let Ok(number) = u16::try_from(function.var_of(at).to_index()) else { continue };
        let more = high.into_iter().map(|mut set| {
            set.insert(Variable(number));
            set
        });
        let mut kept = low;
        for set in more {
            if !kept.iter().any(|smaller| smaller.is_subset(&set)) {
                kept.push(set);
            }
        }
        kept.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        kept.truncate(KEPT);
        known.insert(at, kept);
    }
    known.remove(&function.root_pointer()).unwrap_or_default()
}

fn variable(fact: Variable) -> BddVariable {
    BddVariable::from_index(usize::from(fact.0))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn choices_exclude_each_other_and_leave_nothing_out() {
        for size in [1, 2, 3, 5, 8, 9] {
            let mut plan = Plan::default();
            let (before, choice) = (plan.variable(), plan.choice(size));
            let logic = plan.finish().unwrap();
            let values: Vec<_> =
                (0..size).map(|value| logic.among(&choice, &BTreeSet::from([value]))).collect();
            assert!(logic.any(values.clone()).is_true());
            for (at, one) in values.iter().enumerate() {
                let other = values.iter().skip(at + 1).cloned();
                assert!(logic.and(one, &logic.any(other)).is_false());
                let found = witness(&logic.and(one, &logic.fact(before))).unwrap();
                assert_eq!((choice.value(&found), found.holds(before)), (at, true));
            }
            logic.check().unwrap();
        }
    }

    #[test]
    fn the_smallest_sets_are_the_smallest() {
        let mut plan = Plan::default();
        let facts: Vec<_> = (0..4).map(|_| plan.variable()).collect();
        let logic = plan.finish().unwrap();
        let f = |at: usize| logic.fact(*facts.get(at).unwrap());
        // (0 and 1) or (2 without 3) or (0 and 2)
        let function =
            logic.any([logic.and(&f(0), &f(1)), logic.but_not(&f(2), &f(3)), logic.and(&f(0), &f(2))]);
        let sets: Vec<Vec<u16>> =
            smallest(&function).into_iter().map(|set| set.into_iter().map(|v| v.0).collect()).collect();
        assert_eq!(sets, [vec![2], vec![0, 1]]);
        assert!(smallest(&logic.constant(false)).is_empty());
        assert_eq!(smallest(&logic.constant(true)), [BTreeSet::new()]);
    }

    #[test]
    fn narrowed_choices_use_the_last_bits() {
        let mut plan = Plan::default();
        let choice = plan.choice(9);
        let logic = plan.finish().unwrap();
        let narrow = choice.narrowed(3);
        assert_eq!((narrow.size, narrow.variables().count()), (3, 2));
        let found = witness(&logic.among(&narrow, &BTreeSet::from([1]))).unwrap();
        assert_eq!(narrow.value(&found), 1);
    }
}
