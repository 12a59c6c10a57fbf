//! What a change makes different where the same callers may: how others are denied,
//! and what the upstreams are told.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::access::{Side, Verdict};
use super::compare::{Comparison, Where};
use super::conditions::{Basis, leans_on_policy, params};
use super::held::Held;
use super::logic::Function;
use super::outcome::service;
use super::region::Region;
use crate::compile::Expression;
use crate::engine::Reason;

impl Comparison<'_, '_> {
    /// How those are denied who are denied on both sides, where that differs. No
    /// service, no route, no such method: nothing is there either way.
    pub(super) fn denials(&self, old: &Verdict, new: &Verdict) -> Option<String> {
        let logic = &self.world.logic;
        let asks_for_more = logic.fact(self.world.facts.websocket);
        let others = logic.or(&logic.or(&old.allowed, &new.allowed), &asks_for_more);
        let nobody = logic.not(&others);
        let by_word = |verdict: &Verdict| {
            let mut by_word: BTreeMap<&str, Function> = BTreeMap::new();
            for (reason, who) in &verdict.denied {
                let who = logic.and(who, &nobody);
                let sum = by_word.entry(told_as(*reason)).or_insert_with(|| logic.constant(false));
                *sum = logic.or(sum, &who);
            }
            by_word.retain(|_, who| !who.is_false());
            by_word
        };
        let (old, new) = (by_word(old), by_word(new));
        if old == new {
            return None;
        }
        let words = |some: &BTreeMap<&str, Function>| some.keys().copied().collect::<Vec<_>>().join(", ");
        let (before, after) = (words(&old), words(&new));
        Some(if before == after {
            format!("other denials are {before}")
        } else {
            format!("denials are {after}, were {before}")
        })
    }

    /// What the upstreams are told otherwise.
    pub(super) fn headers(&self, met: [&Where; 2], region: &Region) -> Vec<String> {
        let [old_side, new_side] = &self.sides;
        let [old_met, new_met] = met;
        let (old, new) = (headers(old_side, old_met), headers(new_side, new_met));
        let all: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        let said = |value: Option<&&Expression>| {
            value.map_or("nothing of its own".to_owned(), |value| format!("`{}`", value.text()))
        };
        let told = |name: &str| {
            let values = (old.get(name), new.get(name));
            match values {
                (Some(before), Some(after)) if before.text() == after.text() => {
                    let what = self.means_otherwise(after, met, region)?;
                    Some(format!("header `{name}` is still {}, {what}", said(Some(after))))
                }
                (before, after) => Some(format!("header `{name}` is {}, was {}", said(after), said(before))),
            }
        };
        all.into_iter().filter_map(told).collect()
    }

    /// What is different about a value of which the text is the same.
    fn means_otherwise(&self, value: &Expression, met: [&Where; 2], region: &Region) -> Option<&'static str> {
        let leans = value.leans();
        let [old_side, new_side] = &self.sides;
        let [old_met, new_met] = met;
        let (old, new) = (old_side.route(old_met.reached)?, new_side.route(new_met.reached)?);
        if params(&leans, old) != params(&leans, new) {
            return Some("out of another place in the path");
        }
        if !leans_on_policy(&leans) {
            return None;
        }
        let mut known = self.bases.borrow_mut();
        let [old, new] = [(old_side, old), (new_side, new)].map(|(side, route)| {
            let make = |held: &Held<'_, '_>| Rc::new(Basis::new(side.index, &leans, held));
            if side.looks_at(route) {
                return side.held_on(Some(route), region, make);
            }
            let key = (side.number, value.text().to_owned());
            Rc::clone(known.entry(key).or_insert_with(|| side.held_on(None, region, make)))
        });
        // Once for a service: it is so on every route on which the header is told.
        let service = met.map(|met| met.service.clone());
        let is_new = old != new && self.told.borrow_mut().insert((service, value.text().to_owned()));
        is_new.then_some(
            "of which bindings, roles or networks now make something else, here and on other routes",
        )
    }
}

fn told_as(reason: Reason) -> &'static str {
    match reason {
        Reason::ServiceUnknown | Reason::RouteUnknown | Reason::MethodNotAllowed | Reason::PathAmbiguous => {
            "that nothing is there"
        }
        reason => reason.as_str(),
    }
}

fn headers<'i>(side: &Side<'_, 'i>, met: &Where) -> BTreeMap<&'i str, &'i Expression> {
    let found = met.service.as_deref().and_then(|name| service(side, name));
    let headers = found.map(|(_, service)| service.headers.iter()).into_iter().flatten();
    headers.map(|header| (header.name.as_str(), &*header.value)).collect()
}
