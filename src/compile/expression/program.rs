//! The interpreter, and the text it reads. With `convert.rs`, `place.rs` and
//! `price.rs`, which read its tree, the only files that name the CEL crate.

use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, OnceLock};

use cel::common::ast::{CallExpr, Expr as Node, IdedExpr, LiteralValue, SourceInfo};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp, CelUInt,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::extractors::This;
use cel::{Context, Env, ExecutionError, Value as CelValue, extensions};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::budget::Budget;
use super::convert::{self, Slot};
use super::expr::{Expr, Kind};
use super::fact::Fact;
use super::price::{ROUND, TEXT, WHOLE};
use super::seen::{self, Facts, Fault, Seen};
use super::{MAX_DEPTH, Mistake, Output};

/// The most memory that a pattern may take when it is compiled.
const MAX_PATTERN_BYTES: usize = 256 << 10;

/// An expression that can be run.
pub(super) struct Program {
    root: IdedExpr,
    slots: Box<[Slot]>,
    /// By their text.
    patterns: Option<Arc<HashMap<String, Regex>>>,
}

/// CEL's functions and macros.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // Fails only for names that are taken, and none of these is.
    let _ = env.add_extension(extensions::strings);
    Arc::new(env)
});

/// Reads a text; the offsets tell where its parts stand.
pub(super) fn parse(text: &str) -> Result<(IdedExpr, SourceInfo), Mistake> {
    let depth = u16::try_from(MAX_DEPTH).unwrap_or(u16::MAX);
    let parser = ENV.parser().enable_optional_syntax(false).max_recursion_depth(depth);
    parser.parse_with_source_info(text).map_err(|errors| {
        let first = errors.errors.first();
        let at = first.map_or(0, |error| offset(text, error.pos));
        let rest = text.get(at..).unwrap_or_default();
        let word = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let end = at + word.max(rest.chars().next().map_or(0, char::len_utf8));
        let said = first.map_or("", |error| error.msg.as_str());
        // Of its own limit the parser speaks in Rust.
        if said.contains("ParseError") || said == "UNKNOWN" {
            return too_deep((0, text.len()));
        }
        let said = said.strip_prefix("Syntax error: ").unwrap_or(said);
        // What else could have stood here is a list of all of CEL.
        let said = said.split(" expecting ").next().unwrap_or(said);
        Mistake::new((at, end), format!("this is not CEL: {said}"), "not understood", help(text))
    })
}

/// What nests more than it may.
pub(super) fn too_deep(at: (usize, usize)) -> Mistake {
    Mistake::new(at, format!("nested more than {MAX_DEPTH} deep"), "too deep", "say it in fewer steps")
}

/// Line and column, which begin with 1, as an offset in bytes.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let count = |n: isize| usize::try_from(n.saturating_sub(1)).unwrap_or(0);
    let before: usize = text.split_inclusive('\n').take(count(line)).map(str::len).sum();
    let line = text.get(before..).unwrap_or_default();
    let within = line.char_indices().nth(count(column)).map_or(line.len(), |(at, _)| at);
    // The end of a text has no character of its own.
    (before + within).min(text.char_indices().next_back().map_or(0, |(at, _)| at))
}

fn help(text: &str) -> String {
    let has = |word: &str| text.split(|c: char| !c.is_alphanumeric()).any(|w| w.eq_ignore_ascii_case(word));
    let single = text.replace("==", "").replace("!=", "").replace("<=", "").replace(">=", "").contains('=');
    if single {
        "`==` compares two values".to_owned()
    } else if has("and") || has("or") || has("not") {
        "CEL writes `&&`, `||` and `!`".to_owned()
    } else {
        "an example is `path.id in claims.owned_events && request.method == \"GET\"`".to_owned()
    }
}

impl Program {
    /// A program of what [`convert`] left. Patterns are compiled here, once.
    pub(super) fn new(root: IdedExpr, slots: Vec<Slot>) -> Self {
        Self { root, slots: slots.into(), patterns: None }
    }

    /// Compiles the patterns of `matches`, and tries calls whose arguments are
    /// all written out: what fails now would fail with every request.
    pub(super) fn settle(&mut self, expr: &Expr) -> Vec<Mistake> {
        let (mut mistakes, mut patterns) = (Vec::new(), HashMap::new());
        expr.walk(&mut |part| {
            let Kind::Call(function, args) = &part.kind else { return };
            if let ("matches", [_, Expr { kind: Kind::Text(pattern), at }]) = (function.name(), &args[..]) {
                match RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).build() {
                    Ok(regex) => drop(patterns.insert(pattern.clone(), regex)),
                    Err(_) => mistakes.push(Mistake::new(
                        *at,
                        "this is not a regular expression, or too large a one",
                        "not a pattern",
                        "patterns are RE2's: no look-around and no back-references; `^` and `$` tie them to the ends",
                    )),
                }
                return;
            }
            let literals: Option<Vec<_>> = args.iter().map(literal).collect();
            let fails = match (args.as_slice(), literals) {
                (_, Some(literals)) => !runs(function.name(), None, literals),
                // A time zone: any time will do.
                ([_, zone @ Expr { kind: Kind::Text(_), .. }], None) if function.is_literal(1) => {
                    !runs(function.name(), Some(epoch()), literal(zone).into_iter().collect())
                }
                _ => false,
            };
            if fails {
                let help = "time zones are IANA names such as `Europe/Berlin`, times RFC 3339 such as `2027-03-31T18:00:00Z`, durations such as `24h`";
                mistakes.push(Mistake::new(part.at, format!("`{}` can't read its argument", function.name()), "always fails", help));
            }
        });
        self.patterns = (!patterns.is_empty()).then(|| Arc::new(patterns));
        mistakes
    }

    /// What its slots stand for.
    pub(super) fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.slots.iter().map(|slot| match slot {
            Slot::Fact(fact) | Slot::Has(fact) => fact,
        })
    }

    pub(super) fn holds(&self, facts: &dyn Facts) -> Result<bool, Fault> {
        self.run(facts, |value| value.downcast_ref::<CelBool>().map(|b| *b.inner()).ok_or(Fault::Type))
    }

    pub(super) fn output(&self, facts: &dyn Facts) -> Result<Output, Fault> {
        self.run(facts, |value| {
            if let Some(list) = value.downcast_ref::<CelList>() {
                return list
                    .inner()
                    .iter()
                    .map(|item| text(item.as_ref()))
                    .collect::<Result<_, _>>()
                    .map(Output::List);
            }
            match value.downcast_ref::<CelNull>() {
                Some(_) => Ok(Output::Nothing),
                None => text(value).map(Output::Text),
            }
        })
    }

    fn run<T>(&self, facts: &dyn Facts, read: impl FnOnce(&dyn Val) -> Result<T, Fault>) -> Result<T, Fault> {
        let resolver = Resolver { facts, slots: &self.slots, budget: Budget::new(), fault: OnceLock::new() };
        // A fault of the interpreter's own must cost one request, not a check
        // that was half done. It holds nothing that outlives the call.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut context = Context::with_env(Arc::clone(&ENV));
            context.set_variable_resolver(&resolver);
            if let Some(patterns) = &self.patterns {
                let patterns = Arc::clone(patterns);
                let matches = move |This(text): This<Arc<String>>, pattern: Arc<String>| {
                    patterns.get(pattern.as_str()).is_some_and(|regex| regex.is_match(&text))
                };
                context.add_function("matches", matches).map_err(|_| Fault::Failed)?;
            }
            match CelValue::resolve_val(&self.root, &context) {
                Ok(value) => read(value.as_ref()),
                Err(error) => Err(resolver.fault.get().copied().unwrap_or_else(|| fault(&error))),
            }
        }));
        outcome.unwrap_or(Err(Fault::Failed))
    }
}

/// Whether a call of literals gives a value.
fn runs(name: &str, target: Option<IdedExpr>, literals: Vec<IdedExpr>) -> bool {
    let is_method = target.is_none() && super::functions::Function::find(name, false).is_none();
    let mut args = literals;
    let target = match target {
        None if is_method && !args.is_empty() => Some(args.remove(0)),
        target => target,
    };
    let call = CallExpr { func_name: name.to_owned(), target: target.map(Box::new), args };
    let call = IdedExpr { id: 0, expr: Node::Call(call) };
    let context = Context::with_env(Arc::clone(&ENV));
    CelValue::resolve_val(&call, &context).is_ok()
}

fn literal(expr: &Expr) -> Option<IdedExpr> {
    let value = match &expr.kind {
        Kind::Text(text) => LiteralValue::String(text.clone().into()),
        Kind::Int(n) => LiteralValue::Int((*n).into()),
        Kind::Uint(n) => LiteralValue::UInt((*n).into()),
        Kind::Double(n) => LiteralValue::Double((*n).into()),
        Kind::Bool(b) => LiteralValue::Boolean((*b).into()),
        _ => return None,
    };
    Some(IdedExpr { id: 0, expr: Node::Literal(value) })
}

fn epoch() -> IdedExpr {
    let zero = IdedExpr { id: 0, expr: Node::Literal(LiteralValue::Int(0.into())) };
    convert::call("timestamp", vec![zero])
}

/// Gives the interpreter the facts that a program's slots stand for.
struct Resolver<'f> {
    facts: &'f dyn Facts,
    slots: &'f [Slot],
    budget: Budget,
    /// The first fault that a fact was.
    fault: OnceLock<Fault>,
}

impl VariableResolver for Resolver<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let paid = |paid: Result<(), Fault>| paid.map(|()| CowVal::owned(CelBool::from(true)));
        let answer = match variable {
            ROUND => paid(self.budget.round()),
            WHOLE => paid(self.budget.whole()),
            TEXT => paid(self.budget.text()),
            _ => match convert::slot(variable, self.slots)? {
                Slot::Fact(fact) => {
                    self.facts.seen(fact).and_then(|seen| self.budget.value(&seen).map(|()| value(seen)))
                }
                Slot::Has(fact) => seen::has(self.facts, fact).map(|has| CowVal::owned(CelBool::from(has))),
            },
        };
        // No value is an error to the interpreter.
        answer.map_err(|fault| self.fault.set(fault)).ok()
    }
}

fn value<'b>(seen: Seen<'b>) -> CowVal<'b, 'b> {
    let texts =
        |texts: Vec<Cow<'b, str>>| CelList::from(texts.into_iter().map(boxed_text).collect::<Vec<_>>());
    match seen {
        Seen::Text(text) => CowVal::Owned(boxed_text(text)),
        Seen::Texts(list) => CowVal::owned(texts(list)),
        Seen::Int(n) => CowVal::owned(CelInt::from(n)),
        Seen::Json(json) => CowVal::Owned(boxed(json)),
        Seen::Members(members) => CowVal::owned(map(members)),
        Seen::Lists(lists) => {
            let entry = |(name, values)| (key(name), Box::new(texts(values)) as Box<dyn Val + 'b>);
            CowVal::owned(CelMap::from(lists.into_iter().map(entry).collect::<HashMap<_, _>>()))
        }
    }
}

fn boxed_text<'b>(text: Cow<'b, str>) -> Box<dyn Val + 'b> {
    match text {
        Cow::Borrowed(text) => Box::new(CelString::from(text)),
        Cow::Owned(text) => Box::new(CelString::from(text)),
    }
}

fn key(name: Cow<'_, str>) -> CelMapKey<'_> {
    match name {
        Cow::Borrowed(name) => name.into(),
        Cow::Owned(name) => name.into(),
    }
}

fn map(members: &serde_json::Map<String, Value>) -> CelMap<'_> {
    let entries = members.iter().map(|(name, value)| (name.as_str().into(), boxed(value)));
    CelMap::from(entries.collect::<HashMap<_, _>>())
}

/// Whole numbers are `int` where they fit, then `uint`; all others `double`.
/// No deeper than the reader of JSON goes.
fn boxed(json: &Value) -> Box<dyn Val + '_> {
    match json {
        Value::Null => Box::new(CelNull),
        Value::Bool(b) => Box::new(CelBool::from(*b)),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(boxed).collect::<Vec<_>>())),
        Value::Object(members) => Box::new(map(members)),
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Box::new(CelInt::from(n)),
            (None, Some(n)) => Box::new(CelUInt::from(n)),
            (None, None) => Box::new(CelDouble::from(n.as_f64().unwrap_or(f64::NAN))),
        },
    }
}

/// A single value as text.
fn text(value: &dyn Val) -> Result<String, Fault> {
    if let Some(text) = value.downcast_ref::<CelString>() {
        Ok(text.inner().to_owned())
    } else if let Some(n) = value.downcast_ref::<CelInt>() {
        Ok(n.inner().to_string())
    } else if let Some(n) = value.downcast_ref::<CelUInt>() {
        Ok(n.inner().to_string())
    } else if let Some(n) = value.downcast_ref::<CelDouble>() {
        Ok(n.inner().to_string())
    } else if let Some(b) = value.downcast_ref::<CelBool>() {
        Ok(b.inner().to_string())
    } else if let Some(time) = value.downcast_ref::<CelTimestamp>() {
        Ok(time.inner().to_rfc3339())
    } else {
        Err(Fault::Type)
    }
}

fn fault(error: &ExecutionError) -> Fault {
    match error {
        ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_) => Fault::Missing,
        ExecutionError::NoSuchOverload(_)
        | ExecutionError::UnexpectedType { .. }
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedKeyType(_) => Fault::Type,
        _ => Fault::Failed,
    }
}
