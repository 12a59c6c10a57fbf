//! The commonest conditions without the interpreter: equality, membership and
//! the ends of texts, between facts and what is written out, joined by `&&`,
//! `||` and `!`. They cost a tenth of what the interpreter costs, and mean the
//! same: what they can't settle as CEL would is left to it.

use std::borrow::Cow;

use serde_json::Value;

use super::expr::{Expr, Kind, Operator};
use super::fact::Fact;
use super::seen::{self, Facts, Fault, Seen};

/// A condition of a common shape.
#[derive(Debug)]
pub(super) enum Native {
    /// A boolean: written out, or a claim.
    True(Operand),
    Has(Fact),
    Equal(Operand, Operand),
    In(Operand, Set),
    Text(TextTest, Operand, Operand),
    Not(Box<Native>),
    All(Vec<Native>),
    Any(Vec<Native>),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Debug)]
pub(super) enum Operand {
    Literal(Literal),
    Fact(Fact),
}

#[derive(Debug)]
pub(super) enum Literal {
    Text(Box<str>),
    Int(i64),
    Bool(bool),
    Null,
}

#[derive(Debug)]
pub(super) enum Set {
    Literals(Box<[Literal]>),
    Fact(Fact),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsettled {
    /// There is none.
    Fault(Fault),
    /// Values of a kind that only the interpreter compares.
    Interpret,
}

impl From<Fault> for Unsettled {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

type Answer = Result<bool, Unsettled>;

impl Native {
    /// The native form, where the shape has one.
    pub(super) fn of(expr: &Expr) -> Option<Self> {
        Some(match &expr.kind {
            Kind::Bool(_) | Kind::Fact(Fact::Claims(_) | Fact::Body(_)) => Self::True(Operand::of(expr)?),
            Kind::HasFact(fact) => Self::Has(fact.clone()),
            Kind::Operator(operator, args) => match (operator, args.as_slice()) {
                (Operator::Equal, [a, b]) => Self::Equal(Operand::of(a)?, Operand::of(b)?),
                (Operator::Unequal, [a, b]) => {
                    Self::Not(Box::new(Self::Equal(Operand::of(a)?, Operand::of(b)?)))
                }
                (Operator::In, [item, set]) => Self::In(Operand::of(item)?, Set::of(set)?),
                (Operator::Not, [one]) => Self::Not(Box::new(Self::of(one)?)),
                (Operator::And, all) => Self::All(all.iter().map(Self::of).collect::<Option<_>>()?),
                (Operator::Or, any) => Self::Any(any.iter().map(Self::of).collect::<Option<_>>()?),
                _ => return None,
            },
            Kind::Call(function, args) => {
                let test = match function.name() {
                    "startsWith" => TextTest::StartsWith,
                    "endsWith" => TextTest::EndsWith,
                    "contains" => TextTest::Contains,
                    _ => return None,
                };
                let [text, part] = args.as_slice() else { return None };
                Self::Text(test, Operand::of(text)?, Operand::of(part)?)
            }
            _ => return None,
        })
    }

    pub(super) fn holds(&self, facts: &dyn Facts) -> Answer {
        match self {
            Self::True(operand) => match operand.plain(facts)? {
                Plain::Bool(b) => Ok(b),
                _ => Err(Fault::Type.into()),
            },
            Self::Has(fact) => Ok(seen::has(facts, fact)?),
            Self::Equal(a, b) => equal(&a.plain(facts)?, &b.plain(facts)?),
            Self::In(item, set) => set.holds(&item.plain(facts)?, facts),
            Self::Text(test, text, part) => match (text.plain(facts)?, part.plain(facts)?) {
                (Plain::Text(text), Plain::Text(part)) => Ok(match test {
                    TextTest::StartsWith => text.starts_with(&*part),
                    TextTest::EndsWith => text.ends_with(&*part),
                    TextTest::Contains => text.contains(&*part),
                }),
                _ => Err(Fault::Type.into()),
            },
            Self::Not(one) => one.holds(facts).map(|holds| !holds),
            Self::All(all) => joined(all, facts, false),
            Self::Any(any) => joined(any, facts, true),
        }
    }
}

/// `&&` and `||`: the deciding value decides whatever else is a fault, from
/// either side.
fn joined(parts: &[Native], facts: &dyn Facts, decides: bool) -> Answer {
    let mut fault = None;
    for part in parts {
        match part.holds(facts) {
            Ok(holds) if holds == decides => return Ok(decides),
            Ok(_) => {}
            Err(Unsettled::Interpret) => return Err(Unsettled::Interpret),
            Err(unsettled) => fault = fault.or(Some(unsettled)),
        }
    }
    fault.map_or(Ok(!decides), Err)
}

/// A value as far as it can be compared here.
#[derive(Debug, PartialEq)]
enum Plain<'f> {
    Text(Cow<'f, str>),
    Int(i64),
    /// Larger than every `Int`.
    Uint(u64),
    Bool(bool),
    Null,
    Double,
    /// A list or a map.
    Many,
}

impl<'f> Plain<'f> {
    fn of(json: &'f Value) -> Self {
        match json {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(n), _) => Self::Int(n),
                (None, Some(n)) => Self::Uint(n),
                (None, None) => Self::Double,
            },
            Value::Array(_) | Value::Object(_) => Self::Many,
        }
    }
}

fn equal(a: &Plain<'_>, b: &Plain<'_>) -> Answer {
    use Plain::{Double, Int, Many, Uint};
    match (a, b) {
        // Of two types, but perhaps of one value; or of many.
        (Double, Double | Int(_) | Uint(_)) | (Int(_) | Uint(_), Double) | (Many, Many) => {
            Err(Unsettled::Interpret)
        }
        (a, b) => Ok(a == b),
    }
}

impl Operand {
    fn of(expr: &Expr) -> Option<Self> {
        Some(match &expr.kind {
            // What is no single value, or made anew for every question.
            Kind::Fact(Fact::Time | Fact::Query | Fact::QueryOf(_) | Fact::Networks) => return None,
            Kind::Fact(Fact::Roles | Fact::Groups | Fact::Codes) => return None,
            Kind::Fact(fact) => Self::Fact(fact.clone()),
            _ => Self::Literal(Literal::of(expr)?),
        })
    }

    fn plain<'f>(&'f self, facts: &'f dyn Facts) -> Result<Plain<'f>, Fault> {
        Ok(match self {
            Self::Literal(literal) => literal.plain(),
            Self::Fact(fact) => match facts.seen(fact)? {
                Seen::Text(text) => Plain::Text(text),
                Seen::Int(n) => Plain::Int(n),
                Seen::Json(json) => Plain::of(json),
                Seen::Texts(_) | Seen::Members(_) | Seen::Lists(_) => Plain::Many,
            },
        })
    }
}

impl Literal {
    fn of(expr: &Expr) -> Option<Self> {
        Some(match &expr.kind {
            Kind::Text(text) => Self::Text(text.as_str().into()),
            Kind::Int(n) => Self::Int(*n),
            Kind::Bool(b) => Self::Bool(*b),
            Kind::Null => Self::Null,
            _ => return None,
        })
    }

    fn plain(&self) -> Plain<'_> {
        match self {
            Self::Text(text) => Plain::Text(Cow::Borrowed(text)),
            Self::Int(n) => Plain::Int(*n),
            Self::Bool(b) => Plain::Bool(*b),
            Self::Null => Plain::Null,
        }
    }
}

impl Set {
    fn of(expr: &Expr) -> Option<Self> {
        Some(match &expr.kind {
            Kind::List(items) => Self::Literals(items.iter().map(Literal::of).collect::<Option<_>>()?),
            Kind::Fact(
                fact @ (Fact::Roles
                | Fact::Groups
                | Fact::Codes
                | Fact::Networks
                | Fact::QueryOf(_)
                | Fact::Claims(_)
                | Fact::Body(_)),
            ) => Self::Fact(fact.clone()),
            _ => return None,
        })
    }

    fn holds(&self, item: &Plain<'_>, facts: &dyn Facts) -> Answer {
        match self {
            Self::Literals(literals) => any(item, literals.iter().map(Literal::plain)),
            Self::Fact(fact @ (Fact::Claims(_) | Fact::Body(_))) => match (facts.seen(fact)?, item) {
                (Seen::Json(Value::Array(items)), item) => any(item, items.iter().map(Plain::of)),
                (Seen::Json(Value::Object(members)) | Seen::Members(members), Plain::Text(name)) => {
                    Ok(members.contains_key(&**name))
                }
                (Seen::Json(Value::Object(_)) | Seen::Members(_), _) => Err(Unsettled::Interpret),
                _ => Err(Fault::Type.into()),
            },
            Self::Fact(fact) => match item {
                Plain::Text(text) => Ok(facts.lists(fact, text)?),
                _ => Err(Unsettled::Interpret),
            },
        }
    }
}

fn any<'f>(item: &Plain<'_>, mut items: impl Iterator<Item = Plain<'f>>) -> Answer {
    // Not `any`: an item that can't be compared here must not be passed over.
    items.try_fold(false, |found, other| Ok(found || equal(item, &other)?))
}
