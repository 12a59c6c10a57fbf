//! An expression as a tree: CEL without its spellings, every fact found.

use std::fmt;

use super::fact::Fact;
use super::functions::Function;

/// A part of an expression.
#[derive(Debug, Clone)]
pub(super) struct Expr {
    /// Where it stands in the text, in bytes.
    pub(super) at: (usize, usize),
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Text(String),
    Int(i64),
    Uint(u64),
    Double(f64),
    Bool(bool),
    Null,
    Fact(Fact),
    /// `has(fact)`
    HasFact(Fact),
    /// The variable of a loop around it.
    Variable(String),
    /// `value.member`, and `has(value.member)`.
    Member {
        of: Box<Expr>,
        has: bool,
    },
    Index(Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
    Operator(Operator, Vec<Expr>),
    List(Vec<Expr>),
    Loop(Box<Loop>),
}

impl Expr {
    /// Every part, this one included.
    pub(super) fn walk<'e>(&'e self, visit: &mut impl FnMut(&'e Expr)) {
        visit(self);
        match &self.kind {
            Kind::Member { of, .. } => of.walk(visit),
            Kind::Index(of, index) => {
                of.walk(visit);
                index.walk(visit);
            }
            Kind::Call(_, parts) | Kind::Operator(_, parts) | Kind::List(parts) => {
                parts.iter().for_each(|part| part.walk(visit));
            }
            Kind::Loop(over) => {
                over.range.walk(visit);
                over.test.iter().chain(&over.made).for_each(|part| part.walk(visit));
            }
            Kind::Text(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Double(_)
            | Kind::Bool(_)
            | Kind::Null
            | Kind::Fact(_)
            | Kind::HasFact(_)
            | Kind::Variable(_) => {}
        }
    }
}

impl Expr {
    /// The parts that hold for every `request.path` but some.
    pub(super) fn refused_paths(&self) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        self.refused(false, &mut found);
        found
    }

    /// Looks at a part that is asked to be false if it is `negated`.
    fn refused(&self, negated: bool, found: &mut Vec<(usize, usize)>) {
        let of_path = || {
            let mut names_it = false;
            self.walk(&mut |part| names_it |= matches!(part.kind, Kind::Fact(Fact::Path)));
            names_it
        };
        match &self.kind {
            Kind::Operator(Operator::Not, parts) => parts.iter().for_each(|p| p.refused(!negated, found)),
            Kind::Operator(Operator::And | Operator::Or | Operator::Choose, parts) => {
                parts.iter().for_each(|part| part.refused(negated, found));
            }
            Kind::Operator(Operator::Equal | Operator::Unequal, _) => {
                let refuses = matches!(self.kind, Kind::Operator(Operator::Unequal, _)) != negated;
                if refuses && of_path() {
                    found.push(self.at);
                }
            }
            Kind::Call(..) | Kind::Operator(Operator::In, _) if negated && of_path() => found.push(self.at),
            _ => {}
        }
    }
}

/// `all`, `exists`, `exists_one`, `map` and `filter`.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    pub(super) range: Expr,
    pub(super) variable: String,
    /// What is asked of each: of all but a plain `map`.
    pub(super) test: Option<Expr>,
    /// What a `map` makes of each.
    pub(super) made: Option<Expr>,
    /// Whether it gives a list, rather than true or false.
    pub(super) lists: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    And,
    Or,
    Not,
    Choose,
    Equal,
    Unequal,
    /// `<`, `<=`, `>`, `>=`
    Order,
    In,
    Add,
    Subtract,
    /// `*`, `/`
    Scale,
    Remainder,
    Negate,
}

/// What is known of a value beforehand.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Time,
    Duration,
    Null,
    List(Box<Type>),
    Map,
    /// It is known only when the request is there.
    Any,
}

impl Type {
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether values of the two can be equal.
    pub(super) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(a), Self::List(b)) => a.meets(b),
            (a, b) => a == b || (a.is_number() && b.is_number()),
        }
    }
}

/// As a sentence goes on after `is`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "true or false",
            Self::Int | Self::Uint | Self::Double => "a number",
            Self::Text => "text",
            Self::Time => "a time",
            Self::Duration => "a duration",
            Self::Null => "null",
            Self::List(of) if **of == Self::Text => "a list of texts",
            Self::List(_) => "a list",
            Self::Map => "a map",
            Self::Any => "anything",
        })
    }
}
