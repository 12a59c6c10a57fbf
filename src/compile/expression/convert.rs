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
use super::{MAX_DEPTH, Mistake};
use crate::diag::did_you_mean;

/// A variable that no text can spell: true while a loop may go on.
pub(super) const ROUND: &str = "@round";

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
    offsets: &'t SourceInfo,
    text: &'t str,
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

/// The variables there are, and what can be asked of each.
const ROOTS: [&str; 6] = ["request", "source", "path", "user", "claims", "service"];
const OF_REQUEST: [&str; 8] = ["method", "path", "host", "scheme", "query", "headers", "time", "body"];
const OF_SOURCE: [&str; 3] = ["ip", "principal", "networks"];
const OF_USER: [&str; 5] = ["id", "roles", "groups", "codes", "primary_role"];

/// Words of other tools for what is here.
const ELSEWHERE: [(&str, &str); 10] = [
    ("auth", "the token's claims are `claims`"),
    ("http", "the request is `request`"),
    ("input", "the request is `request`"),
    ("jwt", "the token's claims are `claims`"),
    ("method", "write `request.method`"),
    ("now", "write `request.time`"),
    ("params", "path parameters are `path.NAME`"),
    ("principal", "the caller is `user`; a workload's certificate is `source.principal`"),
    ("subject", "the caller is `user`"),
    ("token", "the token's claims are `claims`"),
];

impl<'t> Converter<'t> {
    pub(super) fn new(offsets: &'t SourceInfo, text: &'t str) -> Self {
        Self { offsets, text, scope: Vec::new(), depth: 0, converted: Converted::default() }
    }

    pub(super) fn finish(self) -> Converted {
        self.converted
    }

    /// Our tree; the parser's becomes what is to be run. `None` after a mistake.
    pub(super) fn expr(&mut self, node: &mut IdedExpr) -> Option<Expr> {
        let at = self.place(node);
        if self.depth >= MAX_DEPTH {
            return self.wrong(
                at,
                format!("nested more than {MAX_DEPTH} deep"),
                "too deep",
                "say it in fewer steps",
            );
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
            let fact = self.fact(root, &members, at)?;
            return self.slot(node, fact, has, at);
        }
        if let Some(name) = header_asked_for(&node.expr) {
            let fact = self.header(name, at).map(Fact::Header)?;
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
                let items = list.elements.iter_mut().map(|item| self.expr(item)).collect::<Vec<_>>();
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
        let parts = target.iter_mut().map(|target| &mut **target).chain(args);
        // All are looked at before any is given up, so that all mistakes are told.
        let parts = parts.map(|part| self.expr(part)).collect::<Vec<_>>();
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
        let range = self.expr(&mut over.iter_range);
        self.scope.push(variable.clone());
        let body = self.body(&mut over.loop_step);
        self.scope.pop();
        let Some((test, made)) = body else { return self.useless(at, "this kind of loop") };
        let lists = made.is_some();
        let (test, made) =
            (test.map_or(Some(None), |t| t.map(Some))?, made.map_or(Some(None), |m| m.map(Some))?);
        Some(Kind::Loop(Box::new(Loop { range: range?, variable, test, made, lists })))
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
        let ask = IdedExpr { id: body.id, expr: Node::Ident(ROUND.to_owned()) };
        let never = IdedExpr { id: body.id, expr: Node::Literal(LiteralValue::Null) };
        let asked = vec![ask, std::mem::take(body), never];
        *body = call(operators::CONDITIONAL, asked);
        expr
    }

    /// Puts a slot where a fact stands.
    fn slot(&mut self, node: &mut IdedExpr, fact: Fact, has: bool, at: (usize, usize)) -> Option<Kind> {
        if has && !may_miss(&fact) {
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

    fn fact(&mut self, root: &str, members: &[&str], at: (usize, usize)) -> Option<Fact> {
        let boxed = |path: &[&str]| path.iter().map(|name| (*name).into()).collect::<Box<[Box<str>]>>();
        let (fact, rest) = match (root, members) {
            ("claims", path) => (Fact::Claims(boxed(path)), &[][..]),
            ("request", ["body", path @ ..]) => (Fact::Body(boxed(path)), &[][..]),
            ("request", ["query", name, rest @ ..]) => (Fact::QueryOf((*name).into()), rest),
            ("request", ["query"]) => (Fact::Query, &[][..]),
            ("request", ["headers", name, rest @ ..]) => (Fact::Header(self.header(name, at)?), rest),
            ("request", ["headers"]) => {
                let help = "write `request.headers[\"x-name\"]`, or `\"x-name\" in request.headers`";
                return self.wrong(at, "headers are asked for one by one", "which one?", help);
            }
            ("request", ["method", rest @ ..]) => (Fact::Method, rest),
            ("request", ["path", rest @ ..]) => (Fact::Path, rest),
            ("request", ["host", rest @ ..]) => (Fact::Host, rest),
            ("request", ["scheme", rest @ ..]) => (Fact::Scheme, rest),
            ("request", ["time", rest @ ..]) => (Fact::Time, rest),
            ("source", ["ip", rest @ ..]) => (Fact::Ip, rest),
            ("source", ["principal", rest @ ..]) => (Fact::Peer, rest),
            ("source", ["networks", rest @ ..]) => (Fact::Networks, rest),
            ("path", [name, rest @ ..]) => (Fact::Param((*name).into()), rest),
            ("user", ["id", rest @ ..]) => (Fact::User, rest),
            ("user", ["roles", rest @ ..]) => (Fact::Roles, rest),
            ("user", ["groups", rest @ ..]) => (Fact::Groups, rest),
            ("user", ["codes", rest @ ..]) => (Fact::Codes, rest),
            ("user", ["primary_role", rest @ ..]) => (Fact::PrimaryRole, rest),
            ("service", rest) => (Fact::Service, rest),
            _ => return self.unknown(root, members.first().copied(), at),
        };
        if !rest.is_empty() {
            let help = "only `claims`, `request.body` and `request.query` have members of their own";
            return self.wrong(at, format!("this has no member `{}`", rest.join(".")), "no members", help);
        }
        Some(fact)
    }

    fn header(&mut self, name: &str, at: (usize, usize)) -> Option<Box<str>> {
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        if name.is_empty() || !name.bytes().all(is_name) {
            let help = "names of headers are lower-case letters, digits and `-`";
            return self.wrong(at, format!("no header is called `{name}`"), "never there", help);
        }
        if name.starts_with("x-user-") {
            let help =
                "ask for `user.id`, `user.roles` or `claims`; what a client sends by this name never counts";
            return self.wrong(
                at,
                format!("`{name}` is what Doorward tells the upstream"),
                "not the client's to say",
                help,
            );
        }
        Some(name.into())
    }

    fn unknown<T>(&mut self, root: &str, member: Option<&str>, at: (usize, usize)) -> Option<T> {
        let known: &[&str] = match root {
            "request" => &OF_REQUEST,
            "source" => &OF_SOURCE,
            "user" => &OF_USER,
            "path" => {
                return self.wrong(
                    at,
                    "`path` is used by its parameters",
                    "which one?",
                    "write `path.NAME`; the request's path is `request.path`",
                );
            }
            _ => {
                let help = match ELSEWHERE.iter().find(|(word, _)| *word == root) {
                    Some((_, help)) => (*help).to_owned(),
                    None => suggestion(root, &ROOTS, "variables"),
                };
                return self.wrong(at, format!("there is no variable `{root}`"), "not known", help);
            }
        };
        match member {
            Some(member) => {
                let help = suggestion(member, known, "members");
                self.wrong(at, format!("`{root}` has no member `{member}`"), "not known", help)
            }
            None => {
                let help = format!("its members are `{}`", known.join("`, `"));
                self.wrong(at, format!("`{root}` is used by its members"), "which one?", help)
            }
        }
    }

    fn unknown_function<T>(&mut self, name: &str, on_value: bool, at: (usize, usize)) -> Option<T> {
        if Function::find(name, !on_value).is_some() {
            let help =
                if on_value { format!("write `{name}(value)`") } else { format!("write `value.{name}(..)`") };
            return self.wrong(at, format!("`{name}` is not called this way"), "not a call of it", help);
        }
        let known: Vec<&str> =
            Function::names().chain(["has", "all", "exists", "exists_one", "map", "filter"]).collect();
        let help = suggestion(name, &known, "functions");
        self.wrong(
            at,
            format!("there is no function `{}` of that many arguments", name.escape_debug()),
            "not known",
            help,
        )
    }

    fn useless<T>(&mut self, at: (usize, usize), what: &str) -> Option<T> {
        self.wrong(
            at,
            format!("a policy has no use for {what}"),
            "not supported",
            "see the part of CEL that policies speak in docs/policy.md",
        )
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

    /// Where a node stands, with what the parser does not count in: the name of a
    /// call, and closing brackets.
    fn place(&self, node: &IdedExpr) -> (usize, usize) {
        let (mut from, mut to) = self.extent(node);
        if matches!(node.expr, Node::Literal(_)) {
            return (from, to);
        }
        let part = |from, to| self.text.get(from..to).unwrap_or_default();
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if part(from, to).starts_with('(') {
            from -= part(0, from).chars().rev().take_while(|c| name(*c)).count();
        }
        let count = |bracket| part(from, to).matches(bracket).count();
        let open = count('(').saturating_sub(count(')')) + count('[').saturating_sub(count(']'));
        let closing = part(to, self.text.len()).bytes().take_while(|b| matches!(b, b')' | b']'));
        to += closing.take(open).count();
        (from, to)
    }

    /// The bytes of the text that a node and all below it take.
    fn extent(&self, node: &IdedExpr) -> (usize, usize) {
        let byte = |n: u32| {
            let n = usize::try_from(n).unwrap_or(usize::MAX);
            self.text.char_indices().nth(n).map_or(self.text.len(), |(at, _)| at)
        };
        let own = self.offsets.offset_for(node.id).map(|(from, to)| (byte(from), byte(to.saturating_add(1))));
        let below = children(node).map(|child| self.extent(child));
        let (from, mut to) = own
            .into_iter()
            .chain(below)
            .reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
            .unwrap_or((0, self.text.len()));
        if let Node::Select(select) = &node.expr {
            let rest = self.text.get(to..).unwrap_or_default();
            let member = rest.strip_prefix('.').unwrap_or(rest);
            if member.starts_with(select.field.as_str()) {
                to += rest.len() - member.len() + select.field.len();
            }
        }
        (from, to)
    }
}

fn suggestion(word: &str, known: &[&str], what: &str) -> String {
    match did_you_mean(word, known.iter().copied()) {
        Some(best) => format!("did you mean `{best}`?"),
        None => format!("the {what} are `{}`", known.join("`, `")),
    }
}

/// Whether a fact may be absent, so that `has` makes sense.
fn may_miss(fact: &Fact) -> bool {
    match fact {
        Fact::Claims(path) | Fact::Body(path) => !path.is_empty(),
        Fact::QueryOf(_) | Fact::Header(_) | Fact::Ip | Fact::Peer | Fact::PrimaryRole => true,
        _ => false,
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

fn children(node: &IdedExpr) -> Box<dyn Iterator<Item = &IdedExpr> + '_> {
    match &node.expr {
        Node::Call(call) => Box::new(call.target.iter().map(|target| &**target).chain(&call.args)),
        Node::Select(select) => Box::new(std::iter::once(&*select.operand)),
        Node::List(list) => Box::new(list.elements.iter()),
        Node::Comprehension(over) => Box::new([&over.iter_range, &over.loop_step].into_iter()),
        _ => Box::new(std::iter::empty()),
    }
}
