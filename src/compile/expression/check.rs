//! Whether the parts of an expression fit together.
//!
//! Only what can never work is a mistake: what tokens and bodies hold is known
//! with the request alone, and a misfit there is a fault of that request.

use super::Mistake;
use super::expr::{Expr, Kind, Loop, Operator, Type};
use super::fact::Fact;
use super::functions::Function;
use crate::policy::Code;

/// The names that an expression writes out, and where in its text. Whether
/// there are such things is for the policy to say.
#[derive(Debug, Default)]
pub(in crate::compile) struct Names {
    params: Vec<Named>,
    roles: Vec<Named>,
    networks: Vec<Named>,
    codes: Vec<Named>,
    /// Where it asks about the request or its connection.
    pub(super) of_request: Vec<(usize, usize)>,
    /// How often it asks for lists that the policy has a part in.
    pub(super) lists: Vec<Fact>,
}

/// How to look for something in a list.
const IN_A_LIST: &str = "`in` looks for one thing in a list: `\"x\" in user.roles`";

type Named = (Box<str>, (usize, usize));

impl Names {
    /// Path parameters.
    pub(in crate::compile) fn params(&self) -> impl Iterator<Item = (&str, (usize, usize))> {
        self.params.iter().map(|(name, at)| (&**name, *at))
    }

    /// Roles that are looked for in `user.roles`.
    pub(in crate::compile) fn roles(&self) -> impl Iterator<Item = (&str, (usize, usize))> {
        self.roles.iter().map(|(name, at)| (&**name, *at))
    }

    /// Networks that are looked for in `source.networks`.
    pub(in crate::compile) fn networks(&self) -> impl Iterator<Item = (&str, (usize, usize))> {
        self.networks.iter().map(|(name, at)| (&**name, *at))
    }

    /// Codes that are looked for in `user.codes`.
    pub(in crate::compile) fn codes(&self) -> impl Iterator<Item = &str> {
        self.codes.iter().map(|(name, _)| &**name)
    }
}

#[derive(Default)]
pub(super) struct Checker {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) names: Names,
    /// The variables of the loops around, and what they are.
    scope: Vec<(String, Type)>,
}

impl Checker {
    /// The type of an expression; after a mistake, anything.
    pub(super) fn kind(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            Kind::Text(_) => Type::Text,
            Kind::Int(_) => Type::Int,
            Kind::Uint(_) => Type::Uint,
            Kind::Double(_) => Type::Double,
            Kind::Bool(_) => Type::Bool,
            Kind::HasFact(fact) => {
                self.note(fact, expr);
                Type::Bool
            }
            Kind::Null => Type::Null,
            Kind::Fact(fact) => {
                self.note(fact, expr);
                of_fact(fact)
            }
            Kind::Variable(name) => {
                let known = self.scope.iter().rev().find(|(variable, _)| variable == name);
                known.map_or(Type::Any, |(_, kind)| kind.clone())
            }
            Kind::Member { of, has } => {
                let of = self.kind(of);
                if !matches!(of, Type::Map | Type::Any) {
                    self.wrong(
                        expr,
                        format!("{of} has no members"),
                        "never there",
                        "only parts of `claims` and `request.body` have members",
                    );
                }
                if *has { Type::Bool } else { Type::Any }
            }
            Kind::Index(of, index) => self.index(expr, of, index),
            Kind::Call(function, args) => self.call(expr, *function, args),
            Kind::Operator(operator, args) => self.operator(expr, *operator, args),
            Kind::List(items) => {
                let kinds: Vec<Type> = items.iter().map(|item| self.kind(item)).collect();
                Type::List(Box::new(common(kinds)))
            }
            Kind::Loop(over) => self.over(expr, over),
        }
    }

    fn note(&mut self, fact: &Fact, expr: &Expr) {
        match fact {
            Fact::Param(name) => self.names.params.push((name.clone(), expr.at)),
            fact if fact.is_of_request() => self.names.of_request.push(expr.at),
            _ => {}
        }
        if matches!(fact, Fact::Roles | Fact::PrimaryRole | Fact::Codes | Fact::Networks | Fact::Service) {
            self.names.lists.push(fact.clone());
        }
    }

    fn index(&mut self, expr: &Expr, of: &Expr, index: &Expr) -> Type {
        let (of, index) = (self.kind(of), self.kind(index));
        match (of, index) {
            (Type::List(item), index) if index.is_number() || index == Type::Any => *item,
            (Type::Map, Type::Text | Type::Any) | (Type::Any, _) => Type::Any,
            (of, index) => {
                let help = "lists are asked for by number, maps by name";
                self.wrong(expr, format!("{of} can't be asked by {index}"), "always fails", help)
            }
        }
    }

    fn call(&mut self, expr: &Expr, function: Function, args: &[Expr]) -> Type {
        let (least, most) = function.arity();
        if args.len() < least || args.len() > most {
            let help = "a value before the dot counts as an argument";
            return self.wrong(
                expr,
                format!("`{}` does not take that many arguments", function.name()),
                "always fails",
                help,
            );
        }
        for (at, arg) in args.iter().enumerate() {
            let kind = self.kind(arg);
            if !function.takes(at, &kind) {
                let message = format!("`{}` can't be asked of {kind}", function.name());
                let help = match kind {
                    Type::List(_) => IN_A_LIST,
                    _ => "compare or convert it first",
                };
                self.wrong(arg, message, "always fails", help);
            } else if function.is_literal(at) && !matches!(arg.kind, Kind::Text(_)) {
                let message = format!("`{}` needs its argument written out", function.name());
                self.wrong(
                    arg,
                    message,
                    "known only with the request",
                    "write the text here, so that it is checked when the policy is loaded",
                );
            }
        }
        function.gives()
    }

    fn operator(&mut self, expr: &Expr, operator: Operator, args: &[Expr]) -> Type {
        let kinds: Vec<Type> = args.iter().map(|arg| self.kind(arg)).collect();
        match (operator, args, kinds.as_slice()) {
            (Operator::And | Operator::Or | Operator::Not, ..) => {
                args.iter().zip(&kinds).for_each(|(arg, kind)| self.truth(arg, kind));
                Type::Bool
            }
            (Operator::Choose, [test, ..], [first, rest @ ..]) => {
                self.truth(test, first);
                common(rest.to_vec())
            }
            (Operator::Equal | Operator::Unequal, [a, b], [left, right]) => {
                self.named(a, b);
                self.named(b, a);
                if !left.meets(right) {
                    let list = |kind: &Type| matches!(kind, Type::List(_));
                    let help = if list(left) != list(right) {
                        IN_A_LIST
                    } else {
                        "convert one of them: `int(..)`, `string(..)`"
                    };
                    self.wrong(expr, format!("{left} is never equal to {right}"), "always the same", help);
                }
                Type::Bool
            }
            (Operator::Order, _, [left, right]) => {
                let ordered = |kind: &Type| {
                    kind.is_number()
                        || matches!(kind, Type::Text | Type::Time | Type::Duration | Type::Bool | Type::Any)
                };
                if !(left.meets(right) && ordered(left) && ordered(right)) {
                    self.wrong(
                        expr,
                        format!("{left} is neither more nor less than {right}"),
                        "always fails",
                        "compare numbers with numbers, times with times",
                    );
                }
                Type::Bool
            }
            (Operator::In, [a, b], [left, right]) => {
                self.named(a, b);
                match right {
                    Type::List(item) if left.meets(item) => {}
                    Type::Map if left.meets(&Type::Text) => {}
                    Type::Any => {}
                    Type::List(item) => drop(self.wrong(
                        expr,
                        format!("{left} is never in a list of {item}"),
                        "always false",
                        "convert it: `int(..)`, `string(..)`",
                    )),
                    Type::Text => drop(self.wrong(
                        expr,
                        "`in` looks in lists, not in text".to_owned(),
                        "always fails",
                        "write `text.contains(..)`",
                    )),
                    other => drop(self.wrong(
                        expr,
                        format!("`in` can't look in {other}"),
                        "always fails",
                        "`in` looks in lists and in the names of a map",
                    )),
                }
                Type::Bool
            }
            (operator, _, kinds) => arithmetic(operator, kinds).unwrap_or_else(|| {
                let help =
                    "both sides need one type; convert one of them: `int(..)`, `double(..)`, `string(..)`";
                self.wrong(expr, "these can't be reckoned together".to_owned(), "always fails", help)
            }),
        }
    }

    fn over(&mut self, expr: &Expr, over: &Loop) -> Type {
        let Loop { range, variable, test, made, lists } = over;
        let item = match self.kind(range) {
            Type::List(item) => *item,
            Type::Map => Type::Text,
            Type::Any => Type::Any,
            other => self.wrong(
                expr,
                format!("{other} has no items to go through"),
                "always fails",
                "loops go through lists, and through the names of a map",
            ),
        };
        self.scope.push((variable.clone(), item));
        if let Some(test) = test {
            let kind = self.kind(test);
            self.truth(test, &kind);
        }
        let made = made.as_ref().map(|made| self.kind(made));
        self.scope.pop();
        if *lists { Type::List(Box::new(made.unwrap_or(Type::Any))) } else { Type::Bool }
    }

    fn truth(&mut self, expr: &Expr, kind: &Type) {
        if !matches!(kind, Type::Bool | Type::Any) {
            self.wrong(
                expr,
                format!("this is {kind}, not true or false"),
                "not a condition",
                "compare it with something: `==`, `!=`, `in`, `<`",
            );
        }
    }

    /// A name that is looked for where there are only names that the policy
    /// defines.
    fn named(&mut self, name: &Expr, among: &Expr) {
        let (Kind::Text(text), Kind::Fact(fact)) = (&name.kind, &among.kind) else { return };
        let names = match fact {
            Fact::Roles | Fact::PrimaryRole => &mut self.names.roles,
            Fact::Networks => &mut self.names.networks,
            Fact::Codes if Code::parse(text).is_some() => &mut self.names.codes,
            Fact::Codes => {
                self.wrong(
                    name,
                    format!("`{text}` is not a code"),
                    "never there",
                    "codes are letters, digits and `_ - . : /`",
                );
                return;
            }
            _ => return,
        };
        names.push((text.as_str().into(), name.at));
    }

    fn wrong(&mut self, expr: &Expr, message: String, label: &'static str, help: &'static str) -> Type {
        self.mistakes.push(Mistake::new(expr.at, message, label, help));
        Type::Any
    }
}

fn of_fact(fact: &Fact) -> Type {
    match fact {
        Fact::Method
        | Fact::Path
        | Fact::Host
        | Fact::Scheme
        | Fact::Header(_)
        | Fact::Ip
        | Fact::Peer
        | Fact::Param(_)
        | Fact::User
        | Fact::PrimaryRole
        | Fact::Service => Type::Text,
        Fact::Time => Type::Time,
        Fact::Query => Type::Map,
        Fact::QueryOf(_) | Fact::Networks | Fact::Roles | Fact::Groups | Fact::Codes => {
            Type::List(Box::new(Type::Text))
        }
        Fact::Claims(path) if path.is_empty() => Type::Map,
        Fact::Claims(_) | Fact::Body(_) => Type::Any,
    }
}

/// The type of values that are each of one of these.
fn common(kinds: Vec<Type>) -> Type {
    let mut kinds = kinds.into_iter();
    let first = kinds.next().unwrap_or(Type::Any);
    if kinds.all(|kind| kind == first) { first } else { Type::Any }
}

/// What CEL reckons with: numbers of one type, texts and lists to be joined,
/// times and durations.
fn arithmetic(operator: Operator, kinds: &[Type]) -> Option<Type> {
    use Operator::{Add, Negate, Remainder, Scale, Subtract};
    use Type::{Any, Double, Duration, Int, List, Text, Time, Uint};
    Some(match (operator, kinds) {
        (Negate, [Int]) => Int,
        (Negate, [Double]) => Double,
        (Negate, [Any]) => Any,
        (Add | Subtract | Scale | Remainder, [Int, Int]) => Int,
        (Add | Subtract | Scale | Remainder, [Uint, Uint]) => Uint,
        (Add | Subtract | Scale, [Double, Double]) => Double,
        (Add, [Text, Text]) => Text,
        (Add, [List(a), List(b)]) => List(Box::new(common(vec![(**a).clone(), (**b).clone()]))),
        (Add, [Time, Duration] | [Duration, Time]) | (Subtract, [Time, Duration]) => Time,
        (Add | Subtract, [Duration, Duration]) | (Subtract, [Time, Time]) => Duration,
        (Add | Subtract | Scale | Remainder, [Any, _] | [_, Any]) => Any,
        _ => return None,
    })
}
