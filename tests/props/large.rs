//! Size: what is large works or is refused, and either way soon. Nothing here
//! is timed; a step that takes the square of the size would not end.

use std::fmt::Write;

use doorward::compile::{Index, compile};
use doorward::diag::{Format, MAX_SHOWN, Report, Sources, render};
use doorward::engine::{Held, Principal, Subject};
use doorward::policy::read_texts;

const MANY: usize = 100_000;
const SERVICE: &str = "services: { s: { paths: [/], routes: [{ route: GET /, codes: c }] } }\n";

fn read(text: String) -> (Option<Index>, Report, Sources) {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("policy.yaml".to_owned(), text)], &mut sources, &mut report);
    let index = policy.and_then(|policy| compile(&policy, &sources, &mut report));
    report.sort(&sources);
    (index, report, sources)
}

#[track_caller]
fn index(text: String) -> Index {
    let (index, report, sources) = read(text);
    index.unwrap_or_else(|| panic!("{}", render(&report, &sources, Format::Short)))
}

/// What is printed, and how many findings there are.
#[track_caller]
fn refused(text: String) -> (String, usize) {
    let (index, report, sources) = read(text);
    assert!(index.is_none() && report.has_errors());
    let printed = render(&report, &sources, Format::Text { color: false });
    assert!(printed.len() < 1_000_000, "{} bytes are printed", printed.len());
    (printed, report.counts().0)
}

fn resolve(index: &Index, role: &str) -> Principal {
    let roles = vec![role.to_owned()];
    Principal::resolve(index, Subject { user: "ann".to_owned(), roles, ..Subject::default() })
}

#[test]
fn pol_7_a_chain_of_10_000_roles_works() {
    let mut text = String::from(SERVICE);
    text.push_str("roles:\n  r0: { grants: [c] }\n");
    for n in 1..10_000 {
        writeln!(text, "  r{n}: {{ inherits: [r{}] }}", n - 1).unwrap();
    }
    let index = index(text);
    let last = resolve(&index, "r9999");
    let last = Held::everywhere(&index, &last);
    assert!(index.roles().all(|(id, _)| last.has_role(id)));
    assert!(index.codes().all(|(id, _)| last.has_code(id)));
}

#[test]
fn pol_7_a_circle_of_10_000_roles_is_one_finding() {
    let mut text = String::from(SERVICE);
    text.push_str("roles:\n");
    for n in 0..10_000 {
        writeln!(text, "  r{n}: {{ inherits: [r{}] }}", (n + 1) % 10_000).unwrap();
    }
    let (printed, findings) = refused(text);
    assert_eq!(findings, 1);
    assert!(printed.contains("[DW106]"));
}

#[test]
fn more_roles_than_there_are_sets_for_are_refused() {
    let mut text = String::from(SERVICE);
    text.push_str("roles:\n");
    (0..MANY).for_each(|n| writeln!(text, "  r{n}: {{ grants: [c{n}] }}").unwrap());
    assert!(refused(text).0.contains("more than 10000 roles"));
}

#[test]
fn maps_and_lists_of_100_000_entries_are_read() {
    let mut text = String::from(SERVICE);
    text.push_str("roles: { r: { grants: [c] } }\nnetworks:\n");
    (0..MANY).for_each(|n| writeln!(text, "  n{n}: 10.0.{}.{}", n / 256 % 256, n % 256).unwrap());
    text.push_str("bindings:\n");
    (0..MANY).for_each(|n| writeln!(text, "  - {{ user: \"u{n}\", roles: r }}").unwrap());
    let index = index(text);
    assert_eq!(index.given_to_user("u99999").unwrap().always.len(), 1);
}

#[test]
fn scoped_bindings_of_100_000_for_one_user_are_laid_out() {
    let mut text =
        String::from("services: { s: { paths: [/], routes: [{ route: 'GET /{id}', codes: c }] } }\nroles:\n");
    (0..1_000).for_each(|n| writeln!(text, "  r{n}: {{ grants: [c] }}").unwrap());
    text.push_str("bindings:\n");
    for n in 0..MANY {
        let scope = match n % 3 {
            0 => format!("on: {{ id: \"v{n}\" }}"),
            1 => format!("on: {{ id: \"{}*\" }}", "v".repeat(n % 500)),
            // Every second another set of roles ends: far too many sets.
            _ => format!("until: 2030-01-{:02}T{:02}:{:02}:00Z", n % 28 + 1, n / 28 % 24, n / 700 % 60),
        };
        writeln!(text, "  - {{ user: ann, roles: r{}, {scope} }}", n % 1_000).unwrap();
    }
    let index = index(text);
    let ann = resolve(&index, "unknown");
    assert!(Held::everywhere(&index, &ann).role_names().is_empty());
    assert_eq!(ann.scoped().map(|scoped| scoped.bounds().len()).sum::<usize>(), MANY);
    assert!(ann.bytes() < 1_000, "the table belongs to the policy");
}

#[test]
fn services_of_20_000_are_found() {
    let mut text = String::from("services:\n");
    for n in 0..20_000 {
        let one = format!("paths: [/p{n}], routes: [{{ route: GET /p{n}, access: denied }}]");
        writeln!(text, "  s{n}: {{ hosts: [h{n}.test], {one} }}").unwrap();
    }
    assert_eq!(index(text).services().count(), 20_000);
}

#[test]
fn a_long_address_list_in_the_defaults_is_held_once() {
    let mut text = String::from("networks:\n  blocked:\n");
    (0..20_000).for_each(|n| writeln!(text, "    - 10.{}.{}.0/25", n / 256, n % 256).unwrap());
    text.push_str("defaults: { ip: { deny: [blocked] } }\nservices:\n  s:\n    paths: [/]\n    routes:\n");
    (0..20_000)
        .for_each(|n| writeln!(text, "      - {{ route: GET /r{n}, access: authenticated }}").unwrap());
    let index = index(text);
    let mut rules = index.routes().map(|(_, route)| std::ptr::from_ref(&**route.ip.as_ref().unwrap()));
    let first = rules.next().unwrap();
    assert!(rules.all(|rule| rule == first), "every route has a copy");
}

#[test]
fn broad_anonymous_routes_are_looked_at_once_each() {
    let mut text = String::from("services:\n  s:\n    paths: [/]\n    routes:\n");
    for n in 0..30_000 {
        writeln!(text, "      - {{ route: \"GET /r{n}/{{id}}\", access: anonymous }}").unwrap();
        writeln!(text, "      - {{ route: \"PUT /r{n}/{{id}}/x\", access: denied }}").unwrap();
    }
    assert_eq!(index(text).routes().count(), 60_000);
}

#[test]
fn very_many_findings_are_counted_and_some_are_shown() {
    for garbage in
        ["x: 1\n".to_owned(), "- \n".to_owned(), "{a: b, \u{202e}: [}\n".to_owned(), "roles: *x\n".to_owned()]
    {
        refused(garbage.repeat((1 << 20) / garbage.len()));
    }
    // Each entry is a finding of its own.
    let mut text = String::from("roles:\n");
    (0..MANY).for_each(|n| writeln!(text, "  r{n}: {{ grant: [a] }}").unwrap());
    let (printed, findings) = refused(text);
    // And that there are too many roles is one more.
    assert_eq!(findings, MANY + 1);
    assert_eq!(printed.matches("error[DW010]").count(), MAX_SHOWN);
    assert!(printed.ends_with("and 99901 more findings: mend these first\n"));
}

#[test]
fn one_long_line_of_findings_is_not_printed_100_times() {
    let list = "event:(x), ".repeat(30_000);
    let (printed, findings) = refused(format!("roles: {{ r: {{ grants: [{list}] }} }}\n"));
    assert_eq!(findings, 30_000);
    assert!(printed.len() < 100_000, "{} bytes are printed", printed.len());
}

#[test]
fn a_finding_about_a_long_block_does_not_print_the_block() {
    let block: String = (0..30_000).map(|n| format!("  - item-{n}\n")).collect();
    let (printed, _) = refused(format!("roles:\n{block}"));
    assert!(printed.lines().count() < 20, "{printed}");
}

#[test]
fn unknown_names_among_many_are_told() {
    let mut text = String::from("roles:\n");
    (0..3_000).for_each(|n| writeln!(text, "  role-{n}: {{ grants: [c] }}").unwrap());
    text.push_str("bindings:\n");
    (0..2_000).for_each(|n| writeln!(text, "  - {{ user: u, roles: rolle-{n} }}").unwrap());
    let (printed, findings) = refused(format!("{text}{SERVICE}"));
    assert_eq!(findings, 2_000);
    assert!(printed.contains("did you mean `role-0`?"));
}

#[test]
fn load_8_a_bomb_of_aliases_is_refused_unread() {
    let mut text = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for n in 0..20 {
        let (this, before) = (char::from(b'b' + n), char::from(b'a' + n));
        writeln!(text, "{this}: &{this} [{}]", vec![format!("*{before}"); 9].join(", ")).unwrap();
    }
    assert!(refused(text).0.contains("[DW006]"));
}

#[test]
fn load_8_nesting_is_refused_before_it_reaches_the_stack() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("[{", "}]")] {
        let text = open.repeat(100_000) + &close.repeat(100_000);
        refused(text);
    }
    let text: String = (0..2_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert!(refused(text).0.contains("[DW003]"));
}
