//! CEL, the Common Expression Language: text into something that can be asked
//! about one request.
//!
//! All that can be wrong with an expression is found when the policy is
//! loaded: syntax, unknown variables, functions and members, types that never
//! fit. What is left for the request is bounded: the size of an expression by
//! [`MAX_BYTES`] and [`MAX_DEPTH`], its work by a budget of [`MAX_ROUNDS`].
//! The commonest shapes are asked natively, everything else of the interpreter;
//! both give the same answer. An expression knows no request: it asks [`Facts`].

mod budget;
mod check;
mod convert;
mod expr;
mod fact;
mod functions;
mod leans;
mod native;
mod place;
mod price;
mod program;
mod seen;
mod variables;

use std::sync::Arc;

use crate::diag::{Code as Diag, Diagnostic, Span};

pub(super) use check::Names;
pub use fact::Fact;
pub use leans::{Leans, Which};
pub use seen::{Facts, Fault, Seen, walk};

/// The longest text of an expression.
const MAX_BYTES: usize = 2048;
/// The deepest nesting of an expression.
const MAX_DEPTH: usize = 32;
/// How many rounds all loops (`all`, `exists`, `map`..) of one expression may
/// make for one request, if nothing large is gone through in any.
pub const MAX_ROUNDS: u32 = 10_000;

/// An expression that compiled.
pub struct Expression {
    text: Arc<str>,
    kind: expr::Type,
    native: Option<native::Native>,
    /// The fact that it names, if it is no more than that.
    plain: Option<Fact>,
    program: program::Program,
    names: Names,
    /// Where it holds for every path but some.
    refuses: Box<[(usize, usize)]>,
}

/// What an expression gives where it is not a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// One value as text.
    Text(String),
    /// Several.
    List(Vec<String>),
    /// Null.
    Nothing,
}

/// What is wrong with an expression, by the bytes of its text.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) at: (usize, usize),
    pub(super) message: String,
    pub(super) label: &'static str,
    pub(super) help: String,
}

impl Mistake {
    fn new(
        at: (usize, usize),
        message: impl Into<String>,
        label: &'static str,
        help: impl Into<String>,
    ) -> Self {
        Self { at, message: message.into(), label, help: help.into() }
    }

    /// The finding, where `place` tells the place of a part of the text.
    pub(super) fn finding(&self, code: Diag, place: impl Fn(usize, usize) -> Span) -> Diagnostic {
        let Self { at: (from, to), message, label, help } = self;
        Diagnostic::at(code, place(*from, *to), message.clone()).label(*label).help(help.clone())
    }
}

impl Expression {
    /// Compiles a text. Needs a deep stack: see [`with_deep_stack`].
    pub(super) fn compile(text: &str) -> Result<Self, Vec<Mistake>> {
        if text.len() > MAX_BYTES {
            let message = format!("the expression has more than {MAX_BYTES} bytes");
            let help = "split the route, or say with roles and codes what they can say";
            return Err(vec![Mistake::new((0, text.len()), message, "too long", help)]);
        }
        if let Some(at) = place::comment(text) {
            // YAML may have made one line of several: what follows would be
            // a comment too, and nobody would see it.
            let message = "an expression has no comments: YAML may join the next line to this one";
            let help = "write the comment with `#`, above the key";
            return Err(vec![Mistake::new((at, text.len()), message, "all of this would not count", help)]);
        }
        let (mut parsed, offsets) = program::parse(text).map_err(|mistake| vec![mistake])?;
        let mut converted = convert::Converter::new(&offsets, text);
        let expr = converted.expr(&mut parsed);
        let convert::Converted { slots, mut mistakes } = converted.finish();
        let Some(expr) = expr else { return Err(mistakes) };
        let mut checker = check::Checker::default();
        let kind = checker.kind(&expr);
        mistakes.extend(checker.mistakes);
        let mut program = program::Program::new(parsed, slots);
        mistakes.extend(program.settle(&expr));
        if !mistakes.is_empty() {
            mistakes.sort_by_key(|m| m.at);
            return Err(mistakes);
        }
        let native = native::Native::of(&expr);
        let refuses = expr.refused_paths().into();
        let plain = match expr.kind {
            // The interpreter alone makes a timestamp of it.
            expr::Kind::Fact(Fact::Time) => None,
            expr::Kind::Fact(fact) => Some(fact),
            _ => None,
        };
        Ok(Self { text: text.into(), kind, native, plain, program, names: checker.names, refuses })
    }

    /// Compiles a condition: an expression that is true or false.
    pub(super) fn condition(text: &str) -> Result<Self, Vec<Mistake>> {
        let expression = Self::compile(text)?;
        if matches!(expression.kind, expr::Type::Bool | expr::Type::Any) {
            return Ok(expression);
        }
        let message = format!("the condition is {}, not true or false", expression.kind);
        let help = "compare it with something: `==`, `!=`, `in`, `<`";
        Err(vec![Mistake::new((0, text.len()), message, "not a condition", help)])
    }

    /// Compiles the value of a header: something about the caller, the path or
    /// the service.
    pub(super) fn header(text: &str) -> Result<Self, Vec<Mistake>> {
        let expression = Self::compile(text)?;
        let mut mistakes = Vec::new();
        if expression.kind == expr::Type::Map {
            let help = "name the member that is to be sent";
            mistakes.push(Mistake::new((0, text.len()), "a map can't be a header", "not a value", help));
        }
        for at in &expression.names.of_request {
            let help = "headers tell the upstream about the caller: they are made of `user`, `claims`, `path` and `service`";
            mistakes.push(Mistake::new(
                *at,
                "a managed header can't be made of this",
                "the client's own words",
                help,
            ));
        }
        if mistakes.is_empty() { Ok(expression) } else { Err(mistakes) }
    }

    /// The text, as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names that it writes out.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The parts that hold for every path but some: `!` or `!=` over
    /// `request.path`, in bytes of the text.
    pub(super) fn refused_paths(&self) -> &[(usize, usize)] {
        &self.refuses
    }

    /// Whether the condition holds. What can't be told is a fault, never true.
    pub fn holds(&self, facts: &dyn Facts) -> Result<bool, Fault> {
        match self.native.as_ref().map(|native| native.holds(facts)) {
            Some(Ok(holds)) => Ok(holds),
            Some(Err(native::Unsettled::Fault(fault))) => Err(fault),
            Some(Err(native::Unsettled::Interpret)) | None => self.interpreted(facts),
        }
    }

    /// As [`Expression::holds`], by the interpreter alone.
    pub fn interpreted(&self, facts: &dyn Facts) -> Result<bool, Fault> {
        self.program.holds(facts)
    }

    /// Whether [`Expression::holds`] does without the interpreter, but for odd
    /// values.
    pub fn is_native(&self) -> bool {
        self.native.is_some()
    }

    /// The value of an expression that is not a condition.
    pub fn output(&self, facts: &dyn Facts) -> Result<Output, Fault> {
        match &self.plain {
            Some(fact) => facts.seen(fact)?.output(),
            None => self.program.output(facts),
        }
    }

    /// Everything that it may ask.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.program.facts()
    }
}

/// Two are equal when they mean the same; that is certain only where their
/// texts are equal.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

/// Does some work where the stack is deep: the parser's calls nest with the
/// text's brackets, and its frames are large.
pub(super) fn with_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    const STACK: usize = 16 << 20;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok()?;
        thread.join().ok()
    })
}

#[cfg(test)]
mod tests;
