//! The functions that expressions may call. Everything else CEL has (bytes,
//! types as values, messages, optional values) has no use in a policy.

use super::expr::Type;

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Function(&'static Row);

#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: &'static str,
    /// Whether it is called as `value.name(..)`; `size` alone may be both.
    style: Style,
    /// What it is called with, the value before the dot first.
    takes: &'static [Takes],
    /// How many of these may be left out, from the end.
    optional: usize,
    gives: Gives,
}

#[derive(Debug, PartialEq, Eq)]
enum Style {
    Method,
    Global,
    Either,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Text,
    /// A text that is written out, so that it is checked when the policy loads.
    Literal,
    /// Anything that has a size.
    Sized,
    Time,
    TimeOrDuration,
    /// What can be turned into the function's type.
    Scalar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gives {
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Time,
    Duration,
}

const fn row(
    name: &'static str,
    style: Style,
    takes: &'static [Takes],
    optional: usize,
    gives: Gives,
) -> Row {
    Row { name, style, takes, optional, gives }
}

const FUNCTIONS: &[Row] = &[
    row("contains", Style::Method, &[Takes::Text, Takes::Text], 0, Gives::Bool),
    row("startsWith", Style::Method, &[Takes::Text, Takes::Text], 0, Gives::Bool),
    row("endsWith", Style::Method, &[Takes::Text, Takes::Text], 0, Gives::Bool),
    row("matches", Style::Method, &[Takes::Text, Takes::Literal], 0, Gives::Bool),
    row("lowerAscii", Style::Method, &[Takes::Text], 0, Gives::Text),
    row("upperAscii", Style::Method, &[Takes::Text], 0, Gives::Text),
    row("size", Style::Either, &[Takes::Sized], 0, Gives::Int),
    row("bool", Style::Global, &[Takes::Scalar], 0, Gives::Bool),
    row("int", Style::Global, &[Takes::Scalar], 0, Gives::Int),
    row("uint", Style::Global, &[Takes::Scalar], 0, Gives::Uint),
    row("double", Style::Global, &[Takes::Scalar], 0, Gives::Double),
    row("string", Style::Global, &[Takes::Scalar], 0, Gives::Text),
    row("timestamp", Style::Global, &[Takes::Scalar], 0, Gives::Time),
    row("duration", Style::Global, &[Takes::Scalar], 0, Gives::Duration),
    row("getFullYear", Style::Method, &[Takes::Time, Takes::Literal], 1, Gives::Int),
    row("getMonth", Style::Method, &[Takes::Time, Takes::Literal], 1, Gives::Int),
    row("getDate", Style::Method, &[Takes::Time, Takes::Literal], 1, Gives::Int),
    row("getDayOfMonth", Style::Method, &[Takes::Time, Takes::Literal], 1, Gives::Int),
    row("getDayOfWeek", Style::Method, &[Takes::Time, Takes::Literal], 1, Gives::Int),
    row("getDayOfYear", Style::Method, &[Takes::Time, Takes::Literal], 1, Gives::Int),
    row("getHours", Style::Method, &[Takes::TimeOrDuration, Takes::Literal], 1, Gives::Int),
    row("getMinutes", Style::Method, &[Takes::TimeOrDuration, Takes::Literal], 1, Gives::Int),
    row("getSeconds", Style::Method, &[Takes::TimeOrDuration, Takes::Literal], 1, Gives::Int),
];

impl Function {
    /// The function of a name, called on a value or not.
    pub(super) fn find(name: &str, on_value: bool) -> Option<Self> {
        FUNCTIONS.iter().find(|row| row.name == name && row.fits(on_value)).map(Self)
    }

    /// All names.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        FUNCTIONS.iter().map(|row| row.name)
    }

    pub(super) fn name(self) -> &'static str {
        self.0.name
    }

    /// How many arguments it takes, at least and at most, the value before the
    /// dot included.
    pub(super) fn arity(self) -> (usize, usize) {
        (self.0.takes.len() - self.0.optional, self.0.takes.len())
    }

    /// Whether the argument at a place must be written out.
    pub(super) fn is_literal(self, at: usize) -> bool {
        self.0.takes.get(at) == Some(&Takes::Literal)
    }

    /// Whether the argument at a place may be of a type.
    pub(super) fn takes(self, at: usize, given: &Type) -> bool {
        let Some(takes) = self.0.takes.get(at) else { return false };
        *given == Type::Any
            || match takes {
                Takes::Text | Takes::Literal => *given == Type::Text,
                Takes::Sized => matches!(given, Type::Text | Type::List(_) | Type::Map),
                Takes::Time => *given == Type::Time,
                Takes::TimeOrDuration => matches!(given, Type::Time | Type::Duration),
                Takes::Scalar => !matches!(given, Type::List(_) | Type::Map | Type::Null),
            }
    }

    pub(super) fn gives(self) -> Type {
        match self.0.gives {
            Gives::Bool => Type::Bool,
            Gives::Int => Type::Int,
            Gives::Uint => Type::Uint,
            Gives::Double => Type::Double,
            Gives::Text => Type::Text,
            Gives::Time => Type::Time,
            Gives::Duration => Type::Duration,
        }
    }
}

impl Row {
    fn fits(&self, on_value: bool) -> bool {
        match self.style {
            Style::Method => on_value,
            Style::Global => !on_value,
            Style::Either => true,
        }
    }
}
