//! What is told of a mutant is so: a survivor is weaker and passes all tests and all
//! invariants, what is harmless opens nothing, and the test that is proposed notices.

use doorward::compile::{Index, compile};
use doorward::config::OnAnonymous;
use doorward::denial::Denials;
use doorward::diag::{Report, Sources};
use doorward::policy::Policy;
use doorward::policy::invariant::Invariant;
use doorward::review::invariants::prove;
use doorward::review::mutate::{Fate, Ground, Notice, Trial, mutants, sample};
use doorward::review::suite::{Suite, When};
use doorward::review::{Diff, Tokens};
use proptest::prelude::*;

use crate::proofs::invariant;
use crate::small::{self, Dice, Parts, index, lines, text};
use crate::suites::{NOW, asking, compiled, court, policy, suite_of};
use crate::{cases, proofs};

/// So many mutants of each policy are looked at.
const LIMIT: usize = 25;

fn ground<'a>(index: &'a Index, policy: &'a Policy, sources: &'a Sources, suite: &'a Suite) -> Ground<'a> {
    Ground {
        index,
        policy,
        sources,
        suite,
        issuers: &[],
        headers: None,
        on_anonymous: OnAnonymous::default(),
        tokens: Tokens::ANY,
        now: NOW,
        both: false,
    }
}

/// The files of a policy that is one text.
fn sources(text: &str) -> Sources {
    let mut sources = Sources::default();
    sources.add("policy.yaml", text);
    sources
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn what_is_told_of_a_mutant_is_so(
        text in policy(),
        asked in proptest::collection::vec(asking(), 1..8),
        other in proptest::collection::vec(asking(), 20),
    ) {
        let (_, bare) = compiled(&text);
        let tests = asked.iter().enumerate();
        let tests: String =
            tests.map(|(at, asking)| asking.test(&format!("t{at}"), asking.decided(&bare), true)).collect();
        let text = text + "tests:\n" + &tests;
        let ((policy, index), files) = (compiled(&text), sources(&text));
        let suite = suite_of(&policy);
        let denials = Denials::default();
        let mut trial = Trial::new(ground(&index, &policy, &files, &suite));
        prop_assert_eq!(trial.failing(), None);
        for mut mutant in sample(mutants(&policy, None), LIMIT) {
            let fate = trial.judge(&mut mutant).unwrap();
            let told = format!("{text}\n{mutant:?}\n{fate:?}");
            let weaker = compile(&trial.weaker(&mut mutant), &files, &mut Report::default());
            let holds = weaker.as_ref().map(|weaker| suite.holds(court(weaker, &denials), When::At(NOW)));
            match (fate, weaker) {
                (Fate::Broken, weaker) => prop_assert!(weaker.is_none(), "{}", told),
                (_, None) => prop_assert!(false, "{}", told),
                (Fate::Noticed(_), _) => prop_assert_eq!(holds, Some(false), "{}", told),
                (Fate::Harmless, Some(weaker)) => {
                    // Its proof is for what comes from now on.
                    let later = other.iter().filter(|asking| asking.at >= NOW);
                    for asking in later {
                        let before = asking.decided(&index).is_allowed();
                        prop_assert!(before || !asking.decided(&weaker).is_allowed(), "{:?}\n{}", asking, told);
                    }
                }
                (Fate::Survived(survivor), Some(weaker)) => {
                    prop_assert_eq!(holds, Some(true), "{}", told);
                    prop_assert_eq!(survivor.witness.decide(&index).reason, survivor.reason);
                    prop_assert!(!survivor.confirmed || !survivor.reason.is_allowed(), "{}", told);
                    let allowed = survivor.witness.decide(&weaker).reason.is_allowed();
                    prop_assert!(!survivor.confirmed || allowed, "{}", told);
                    prop_assert!(survivor.confirmed || !survivor.witness.conditions.is_empty(), "{}", told);
                    if let Some(entry) = &survivor.entry {
                        let more = format!("{text}{}", indented(entry.text()));
                        let ((policy, index), files) = (compiled(&more), sources(&more));
                        let suite = suite_of(&policy);
                        let mut trial = Trial::new(ground(&index, &policy, &files, &suite));
                        prop_assert_eq!(trial.failing(), None, "{}", more);
                        let noticed = matches!(trial.judge(&mut mutant), Ok(Fate::Noticed(_)));
                        prop_assert!(noticed, "{}\n{}", more, told);
                    }
                }
            }
        }
        // The policy that mutants are put into is as it was.
        prop_assert_eq!(trial.failing(), None);
    }

    #[test]
    fn a_sample_is_a_part_and_the_same_each_time(text in policy(), limit in 1..40_usize) {
        let (policy, _) = compiled(&text);
        let words = |mutants: Vec<_>| -> Vec<String> { mutants.iter().map(|mutant| format!("{mutant:?}")).collect() };
        let all = words(mutants(&policy, None));
        let chosen = words(sample(mutants(&policy, None), limit));
        prop_assert_eq!(chosen.len(), limit.min(all.len()));
        prop_assert_eq!(&chosen, &words(sample(mutants(&policy, None), limit)));
        let mut rest = all.iter();
        prop_assert!(chosen.iter().all(|one| rest.any(|other| other == one)), "out of order, or not of them");
        let fewer = words(sample(mutants(&policy, None), limit - 1));
        prop_assert!(fewer.iter().all(|one| chosen.contains(one)));
    }
}

/// Every mutant of a random policy, before random invariants that are true of it: what is said to break
/// one does, by itself and proved to the end; what is said to break none does not.
fn check_invariants(seed: u64) -> Result<(), TestCaseError> {
    let mut dice = Dice::new(seed);
    let bare = text(&lines(&mut dice, &Parts::all()));
    let Some(index) = index(&bare) else { return Ok(()) };
    let routes: Vec<String> = index.routes().map(|(_, route)| route.text.to_string()).collect();
    let now = small::NOW;
    let proved = |text: &str| {
        let (index, policy, sources) = proofs::compiled(text)?;
        prove(&index, &policy, &sources, Tokens::ANY, now).ok()
    };
    let holds = |one: &String| {
        proved(&format!("{bare}invariants:\n  - {one}\n"))
            .is_some_and(|all| all.iter().all(|one| one.holds()))
    };
    let some: Vec<String> =
        (0..16).map(|at| invariant(&mut dice, &Parts::all(), &routes, at)).filter(holds).take(5).collect();
    let text = some.iter().fold(format!("{bare}invariants:\n"), |text, one| text + "  - " + one + "\n");
    let Some((index, policy, files)) = proofs::compiled(&text) else { return Ok(()) };
    let suite = suite_of(&policy);
    let ground = Ground { now, both: dice.one_in(2), ..ground(&index, &policy, &files, &suite) };
    let mut trial = Trial::new(ground);
    prop_assert!(trial.refuted().unwrap().is_none());
    for mut mutant in sample(mutants(&policy, None), LIMIT / 2) {
        let fate = trial.judge(&mut mutant).unwrap();
        let told = format!("{text}\n{mutant:?}\n{fate:?}");
        let written = trial.weaker(&mut mutant);
        let compiled = |policy: &Policy| compile(policy, &files, &mut Report::default());
        let weaker = compiled(&Policy { invariants: Vec::new(), ..written.clone() });
        prop_assert_eq!(weaker.is_none(), matches!(fate, Fate::Broken), "{}", told);
        let Some(weaker) = weaker else { continue };
        let refuses = |one: &Invariant| {
            compiled(&Policy { invariants: vec![one.clone()], ..written.clone() }).is_none()
        };
        let opens = Diff::new(&index, &weaker, Tokens::ANY, now).unwrap().opens();
        prop_assert_eq!(opens, !matches!(fate, Fate::Harmless), "{}", told);
        let outcomes = prove(&weaker, &written, &files, Tokens::ANY, now).unwrap();
        let is_content = |at: usize| outcomes[at].holds() && !refuses(&written.invariants[at]);
        match fate {
            Fate::Noticed(Notice { test, invariant }) => {
                prop_assert_eq!(test, None);
                prop_assert!(!is_content(invariant.unwrap()), "{}", told);
            }
            Fate::Survived(_) => {
                prop_assert!((0..outcomes.len()).all(is_content), "{}\n{:#?}", told, outcomes)
            }
            Fate::Harmless | Fate::Broken => {}
        }
    }
    prop_assert!(trial.refuted().unwrap().is_none(), "the policy is not as it was");
    Ok(())
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn an_invariant_notices_what_breaks_it_and_nothing_else(seed: u64) {
        check_invariants(seed)?;
    }
}

/// Below `tests:`, as deep as the other tests.
fn indented(entry: &str) -> String {
    entry.lines().map(|line| format!("  {line}\n")).collect()
}
