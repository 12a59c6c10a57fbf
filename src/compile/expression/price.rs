//! What a part of a loop must pay for before it is run.
//!
//! The interpreter is not asked how long it takes: where a part goes through
//! something that the loop's variable stands for, a question is put in front of
//! it that the budget answers.

use cel::common::ast::{Expr as Node, IdedExpr, LiteralValue, operators};

use super::convert::call;
use super::expr::{Expr, Kind, Operator};

/// A variable that no text can spell: true while a loop may go on.
pub(super) const ROUND: &str = "@round";
/// The same for going through what a loop's variable stands for, all of it or
/// one text.
pub(super) const WHOLE: &str = "@whole";
pub(super) const TEXT: &str = "@text";

/// Has a part of a program ask for something before it is worked out.
pub(super) fn ask(what: &str, part: &mut IdedExpr) {
    let id = part.id;
    let node = |expr| IdedExpr { id, expr };
    let never = node(Node::Literal(LiteralValue::Null));
    *part =
        call(operators::CONDITIONAL, vec![node(Node::Ident(what.to_owned())), std::mem::take(part), never]);
}

/// What an operation must ask for. Facts are paid for whenever they are made
/// values of, and what is written out is short: what is left is to go through
/// what the variable of a loop stands for, over and over.
pub(super) fn price(name: &str, parts: &[Option<Expr>]) -> Option<&'static str> {
    let varying = parts.iter().flatten().filter(|part| varies(part)).count();
    match name {
        operators::LOGICAL_AND
        | operators::LOGICAL_OR
        | operators::LOGICAL_NOT
        | operators::CONDITIONAL
        | operators::INDEX => None,
        operators::IN => parts.last()?.as_ref().filter(|set| varies(set)).map(|_| WHOLE),
        operators::ADD => (varying > 0 && !parts.iter().flatten().any(is_number)).then_some(WHOLE),
        // Two are compared as far as the shorter one goes.
        operators::EQUALS | operators::NOT_EQUALS => (varying > 1).then_some(WHOLE),
        _ => (varying > 0 && !parts.iter().flatten().any(is_number)).then_some(TEXT),
    }
}

/// Whether it depends on the variable of a loop.
pub(super) fn varies(expr: &Expr) -> bool {
    has(expr, |part| matches!(part.kind, Kind::Variable(_)))
}

/// Whether it makes something larger of what the variable of a loop stands for.
pub(super) fn multiplies(expr: &Expr) -> bool {
    has(expr, |part| match &part.kind {
        Kind::Operator(Operator::Add, parts) => varies(part) && !parts.iter().any(is_number),
        Kind::List(_) => varies(part),
        _ => false,
    })
}

fn is_number(expr: &Expr) -> bool {
    matches!(expr.kind, Kind::Int(_) | Kind::Uint(_) | Kind::Double(_))
}

fn has(expr: &Expr, is: impl Fn(&Expr) -> bool) -> bool {
    let mut found = false;
    expr.walk(&mut |part| found = found || is(part));
    found
}
