//! The parser's tree into ours, and into what the interpreter is to run.
//!
//! Both come out of one walk, so that they can't differ: each fact becomes a
//! slot whose value is asked for when the program comes upon it, and the body
//! of each loop asks for another round first.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr as Node, IdedExpr, LiteralValue, SourceInfo, operators,
};

use super::expr::{Expr, Kind, Loop, Operator};
use super::fact::Fact;
use super::functions::Function;
use super::place::Places;
use super::price::{ROUND, WHOLE, ask, multiplies, price, varies};
use super::program::too_deep;
use super::variables::{self, ROOTS, suggestion};
use super::{MAX_DEPTH, Mistake};

/// What the parser makes loops and tests of, if it is called rightly.
const MACROS: [&str; 6] = ["has", "all", "exists", "exists_one", "map", "filter"];

/// What a variable of a program stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Slot {
    Fact(Fact),
    /// Whether it is there.
    Has(Fact),
}

/// The slot of a variable.
pub(super) fn slot<'s>(variable: &str, slots: &'s [Slot]) -> Option<&'s Slot> {
    slots.get(variable.strip_prefix('@')?.parse::<usize>().ok()?)
}

/// A call of a function that is no method.
pub(super) fn call(name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    IdedExpr { id: 0, expr: Node::Call(CallExpr { func_name: name.to_owned(), target: None, args }) }
}

pub(super) struct Converter<'t> {
    places: Places<'t>,
    /// The variables of the loops around.
    scope: Vec<String>,
    depth: usize,
    converted: Converted,
}

#[derive(Default)]
pub(super) struct Converted {
    pub(super) slots: Vec<Slot>,
    pub(super) mistakes: Vec<Mistake>,
}

impl<'t> Converter<'t> {
    pub(super) fn new(offsets: &'t SourceInfo, text: &'t str) -> Self {
        Self {
            places: Places { offsets, text },
            scope: Vec::new(),
            depth: 0,
            converted: Converted::default(),
        }
    }

    pub(super) fn finish(self) -> Converted {
        self.converted
    }

    /// Our tree; the parser's becomes what is to be run. `None` after a mistake.
    pub(super) fn expr(&mut self, node: &mut IdedExpr) -> Option<Expr> {
        let at = self.places.of(node);
        if self.depth >= MAX_DEPTH {
            return self.taken(Err(too_deep(at)));
        }
        self.depth += 1;
        let kind = self.kind(node, at);
        self.depth -= 1;
        Some(Expr { at, kind: kind? })
    }

    fn kind(&mut self, node: &mut IdedExpr, at: (usize, usize)) -> Option<Kind> {
        if let Some((root, members, has)) = chain(&node.expr)
            && !self.scope.iter().any(|variable| variable == root)
        {
            let members: Vec<&str> = members.into_iter().rev().collect();
            let fact = self.taken(variables::fact(root, &members, at))?;
            return self.slot(node, fact, has, at);
        }
        if let Some(name) = header_asked_for(&node.expr) {
            let fact = self.taken(variables::header(name, at)).map(Fact::Header)?;
            return self.slot(node, fact, true, at);
        }
        match &mut node.expr {
            Node::Literal(value) => Some(match value {
                LiteralValue::Boolean(b) => Kind::Bool(*b.inner()),
                LiteralValue::Double(n) => Kind::Double(*n.inner()),
                LiteralValue::Int(n) => Kind::Int(*n.inner()),
                LiteralValue::Null => Kind::Null,
                LiteralValue::String(text) => Kind::Text(text.inner().to_owned()),
                LiteralValue::UInt(n) => Kind::Uint(*n.inner()),
                LiteralValue::Bytes(_) => return self.useless(at, "bytes"),
            }),
            Node::Ident(name) => Some(Kind::Variable(name.clone())),
            Node::Select(select) => {
                let of = Box::new(self.expr(&mut select.operand)?);
                Some(Kind::Member { of, has: select.test })
            }
            Node::List(list) => {
                let items = list.elements.iter_mut().map(|item| self.item(item)).collect::<Vec<_>>();
                items.into_iter().collect::<Option<_>>().map(Kind::List)
            }
            Node::Call(call) => self.call(call, at),
            Node::Comprehension(over) => self.over(over, at),
            Node::Map(_) => self.useless(at, "maps that are written out"),
            Node::Struct(_) => self.useless(at, "messages"),
            Node::Unspecified => self.useless(at, "an empty part"),
        }
    }

    fn call(&mut self, call: &mut CallExpr, at: (usize, usize)) -> Option<Kind> {
        let CallExpr { func_name: name, target, args } = call;
        let on_value = target.is_some();
        if let (operators::SUBSTRACT, [left, right]) = (name.as_str(), args.as_mut_slice())
            && let Some(word) = self.unknown_variable(right)
        {
            // `claims.my-claim` is `claims.my` less `claim`: nobody means that.
            let (message, at) = (format!("there is no variable `{word}`"), self.places.of(right));
            self.expr(left);
            let help = "a name with `-` stands in brackets: `claims[\"my-claim\"]`";
            return self.wrong(at, message, "not known", help);
        }
        let parts = target.iter_mut().map(|target| &mut **target).chain(args.iter_mut());
        // All are looked at before any is given up, so that all mistakes are told.
        let parts = parts.map(|part| self.expr(part)).collect::<Vec<_>>();
        if let Some(price) = price(name, &parts)
            && let Some(part) = target.as_deref_mut().or(args.last_mut())
        {
            ask(price, part);
        }
        let operator = match name.as_str() {
            operators::LOGICAL_AND => Operator::And,
            operators::LOGICAL_OR => Operator::Or,
            operators::LOGICAL_NOT => Operator::Not,
            operators::CONDITIONAL => Operator::Choose,
            operators::EQUALS => Operator::Equal,
            operators::NOT_EQUALS => Operator::Unequal,
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS => {
                Operator::Order
            }
            operators::IN => Operator::In,
            operators::ADD => Operator::Add,
            operators::SUBSTRACT => Operator::Subtract,
            operators::MULTIPLY | operators::DIVIDE => Operator::Scale,
            operators::MODULO => Operator::Remainder,
            operators::NEGATE => Operator::Negate,
            operators::INDEX => {
                let mut parts = parts.into_iter();
                let (of, index) = (parts.next()??, parts.next()??);
                return Some(Kind::Index(Box::new(of), Box::new(index)));
            }
            name => {
                let Some(function) = Function::find(name, on_value) else {
                    return self.unknown_function(name, on_value, at);
                };
                let parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
                return Some(Kind::Call(function, parts));
            }
        };
        parts.into_iter().collect::<Option<_>>().map(|parts| Kind::Operator(operator, parts))
    }

    /// A loop, by the shapes that CEL's macros have.
    fn over(&mut self, over: &mut ComprehensionExpr, at: (usize, usize)) -> Option<Kind> {
        let variable = over.iter_var.clone();
        if ROOTS.contains(&variable.as_str()) {
            let message = format!("the loop's variable `{variable}` hides what `{variable}` stands for");
            return self.wrong(at, message, "taken", "choose another name");
        }
        let range = self.item(&mut over.iter_range);
        self.scope.push(variable.clone());
        let body = self.body(&mut over.loop_step);
        self.scope.pop();
        let Some((test, made)) = body else { return self.useless(at, "this kind of loop") };
        let lists = made.is_some();
        let (test, made) =
            (test.map_or(Some(None), |t| t.map(Some))?, made.map_or(Some(None), |m| m.map(Some))?);
        let range = range?;
        if multiplies(&range) && test.iter().chain(&made).any(multiplies) {
            let help = "say it in one loop: each one that adds to what another made can double it";
            return self.wrong(at, "the values of this loop would grow and grow", "grows", help);
        }
        Some(Kind::Loop(Box::new(Loop { range, variable, test, made, lists })))
    }

    /// What a loop tests and what it makes; outer `None` for an unknown shape.
    #[expect(clippy::type_complexity, reason = "two parts, each there or not, each readable or not")]
    fn body(&mut self, step: &mut IdedExpr) -> Option<(Option<Option<Expr>>, Option<Option<Expr>>)> {
        let Node::Call(CallExpr { func_name, args, target: None }) = &mut step.expr else { return None };
        match (func_name.as_str(), args.as_mut_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [_, test]) => {
                Some((Some(self.round(test)), None))
            }
            (operators::ADD, [_, IdedExpr { expr: Node::List(list), .. }]) => {
                Some((None, Some(self.round(list.elements.first_mut()?))))
            }
            (operators::CONDITIONAL, [test, made, _]) => {
                let test = Some(self.round(test));
                let Node::Call(CallExpr { args, .. }) = &mut made.expr else { return None };
                match args.as_mut_slice() {
                    [_, IdedExpr { expr: Node::List(list), .. }] => {
                        Some((test, Some(self.expr(list.elements.first_mut()?))))
                    }
                    _ => Some((test, None)),
                }
            }
            _ => None,
        }
    }

    /// Converts the body of a loop, which from now on asks for a round first.
    fn round(&mut self, body: &mut IdedExpr) -> Option<Expr> {
        let expr = self.expr(body);
        ask(ROUND, body);
        expr
    }

    /// Converts what is copied as a whole.
    fn item(&mut self, node: &mut IdedExpr) -> Option<Expr> {
        let expr = self.expr(node)?;
        if varies(&expr) {
            ask(WHOLE, node);
        }
        Some(expr)
    }

    /// Puts a slot where a fact stands.
    fn slot(&mut self, node: &mut IdedExpr, fact: Fact, has: bool, at: (usize, usize)) -> Option<Kind> {
        if has && !variables::may_miss(&fact) {
            return self.wrong(at, "this is always there", "needs no `has`", "leave `has(..)` out");
        }
        let slot = if has { Slot::Has(fact.clone()) } else { Slot::Fact(fact.clone()) };
        let slots = &mut self.converted.slots;
        let number = slots.iter().position(|known| *known == slot).unwrap_or(slots.len());
        if number == slots.len() {
            slots.push(slot);
        }
        let value = IdedExpr { id: node.id, expr: Node::Ident(format!("@{number}")) };
        *node = if fact == Fact::Time { call("timestamp", vec![value]) } else { value };
        Some(if has { Kind::HasFact(fact) } else { Kind::Fact(fact) })
    }

    /// What a part begins with, if that is a word that stands for nothing.
    fn unknown_variable(&self, node: &IdedExpr) -> Option<String> {
        let (word, ..) = chain(&node.expr)?;
        let known = ROOTS.contains(&word) || self.scope.iter().any(|variable| variable == word);
        (!known).then(|| word.to_owned())
    }

    fn unknown_function<T>(&mut self, name: &str, on_value: bool, at: (usize, usize)) -> Option<T> {
        if Function::find(name, !on_value).is_some() {
            let help =
                if on_value { format!("write `{name}(value)`") } else { format!("write `value.{name}(..)`") };
            return self.wrong(at, format!("`{name}` is not called this way"), "not a call of it", help);
        }
        let name = name.escape_debug().to_string();
        if MACROS.contains(&name.as_str()) {
            let message = format!("`{name}` is not called this way");
            let help = "write `has(claims.name)`, `list.exists(item, item == \"x\")`";
            return self.wrong(at, message, "not a call of it", help);
        }
        let help = variables::instead_of_function(&name).map_or_else(
            || suggestion(&name, &Function::names().chain(MACROS).collect::<Vec<_>>(), "functions"),
            str::to_owned,
        );
        self.wrong(at, format!("there is no function `{name}`"), "not known", help)
    }

    fn useless<T>(&mut self, at: (usize, usize), what: &str) -> Option<T> {
        self.wrong(
            at,
            format!("a policy has no use for {what}"),
            "not supported",
            "see the part of CEL that policies speak in docs/conditions.md",
        )
    }

    /// What was made, or its mistake written down.
    fn taken<T>(&mut self, made: Result<T, Mistake>) -> Option<T> {
        made.map_err(|mistake| self.converted.mistakes.push(mistake)).ok()
    }

    fn wrong<T>(
        &mut self,
        at: (usize, usize),
        message: impl Into<String>,
        label: &'static str,
        help: impl Into<String>,
    ) -> Option<T> {
        self.converted.mistakes.push(Mistake::new(at, message, label, help));
        None
    }
}

/// The header of `"NAME" in request.headers`.
fn header_asked_for(node: &Node) -> Option<&str> {
    let Node::Call(call) = node else { return None };
    let [IdedExpr { expr: Node::Literal(LiteralValue::String(name)), .. }, among] = call.args.as_slice()
    else {
        return None;
    };
    let headers = chain(&among.expr).is_some_and(|chain| chain == ("request", vec!["headers"], false));
    (call.func_name == operators::IN && headers).then(|| name.inner())
}

/// A variable and the members that are named below it, the last one first, and
/// whether it is `has()` that names them.
fn chain(node: &Node) -> Option<(&str, Vec<&str>, bool)> {
    let (mut node, mut members, mut has) = (node, Vec::new(), false);
    loop {
        match node {
            Node::Ident(name) => return Some((name, members, has)),
            Node::Select(select) => {
                if select.test {
                    // `has` stands outermost or not at all.
                    if !members.is_empty() {
                        return None;
                    }
                    has = true;
                }
                members.push(select.field.as_str());
                node = &select.operand.expr;
            }
            Node::Call(call) if call.func_name == operators::INDEX => {
                let [of, IdedExpr { expr: Node::Literal(LiteralValue::String(name)), .. }] =
                    call.args.as_slice()
                else {
                    return None;
                };
                members.push(name.inner());
                node = &of.expr;
            }
            _ => return None,
        }
    }
}
