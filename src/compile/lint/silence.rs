//! `# allow: DW201 because the health page is public`: findings that somebody
//! has looked at.
//!
//! A comment behind something speaks of its line, a comment on a line of its own
//! of the next line that holds more than a comment. Errors can't be allowed, and
//! neither can what is said here of the comments themselves.

use std::collections::HashMap;

use crate::diag::{Code, Diagnostic, FileId, Report, Severity, Sources, Span};
use crate::yaml;

/// What begins such a comment.
const WORD: &str = "allow:";

/// What stands before the reason.
const BECAUSE: &str = " because ";

/// Which findings were looked for: where one was not, nobody can tell whether
/// allowing it is idle.
pub type Judged<'a> = &'a dyn Fn(Code) -> bool;

/// One code that a comment allows on a line.
struct Allowed {
    code: Code,
    reason: String,
    at: Span,
    used: bool,
}

/// What comments allow, by file and line, and what is wrong with some.
#[derive(Default)]
struct Comments {
    allowed: HashMap<(FileId, usize), Vec<Allowed>>,
    wrong: Vec<Diagnostic>,
}

/// Sets aside what comments in the sources allow, and tells of comments that are
/// wrong or idle.
pub fn silence(sources: &Sources, judged: Judged<'_>, report: &mut Report) {
    let mut comments = Comments::of(sources);
    comments.apply(sources, report);
    let Comments { allowed, wrong } = comments;
    let idle = allowed.into_values().flatten().filter(|allowed| !allowed.used && judged(allowed.code));
    let idle = idle.map(|Allowed { code, at, .. }| {
        let message = format!("nothing here is to be allowed: no {} was found", code.id());
        Diagnostic::at(Code::IdleAllow, at, message)
            .label("allows nothing")
            .help("remove the comment, or put it behind the line that the finding points at, or above it")
    });
    idle.chain(wrong).for_each(|finding| report.push(finding));
}

/// The same without a word about the comments: for whoever only loads a policy.
/// They are not read where there is nothing to allow.
pub(in crate::compile) fn quiet(sources: &Sources, report: &mut Report) {
    if report.counts().1 > 0 {
        Comments::of(sources).apply(sources, report);
    }
}

impl Comments {
    fn of(sources: &Sources) -> Self {
        let mut comments = Self::default();
        for (file, text) in sources.texts().filter(|(_, text)| text.contains(WORD)) {
            let content = next_content(text);
            for at in yaml::comments(file, text) {
                let line = sources.position(file, at.start).line;
                let Some(line) = line.checked_sub(1).and_then(|line| *content.get(line)?) else { continue };
                let here = comments.allowed.entry((file, line)).or_default();
                read(text, at, here, &mut comments.wrong);
            }
        }
        comments
    }

    fn apply(&mut self, sources: &Sources, report: &mut Report) {
        report.silence(|finding| {
            let span = finding.span?;
            let line = sources.position(span.file, span.start).line;
            let here = self.allowed.get_mut(&(span.file, line))?;
            let by = here.iter_mut().find(|allowed| allowed.code == finding.code)?;
            by.used = true;
            Some(by.reason.clone())
        });
    }
}

/// The line that a comment on each line speaks of, from 1: the line itself, or
/// the next one that holds more than a comment.
fn next_content(text: &str) -> Vec<Option<usize>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut next = None;
    let mut content: Vec<Option<usize>> = Vec::with_capacity(lines.len());
    for (before, line) in lines.iter().enumerate().rev() {
        let line = line.trim_start();
        if !line.is_empty() && !line.starts_with('#') {
            next = Some(before + 1);
        }
        content.push(next);
    }
    content.reverse();
    content
}

/// Reads one comment, if it is one of these.
fn read(text: &str, at: Span, allowed: &mut Vec<Allowed>, wrong: &mut Vec<Diagnostic>) {
    let comment = text.get(at.start..at.end).unwrap_or_default();
    let Some(said) = comment.trim_start_matches('#').trim_start().strip_prefix(WORD) else { return };
    let (codes, reason) = match said.split_once(BECAUSE) {
        Some((codes, reason)) => (codes, reason.trim()),
        None => (said, ""),
    };
    let words = codes.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    // Somebody may write `# allow: [office]` and mean a key of the policy.
    let words: Vec<&str> = words.take_while(|word| *word != "because").collect();
    let meant = said.contains(BECAUSE) || words.first().is_some_and(|word| code(word).is_ok() || is_id(word));
    if !meant {
        return;
    }
    let finding = |message: String| Diagnostic::at(Code::BadAllow, at, message).label("allows nothing");
    if reason.is_empty() {
        let message = "an `allow:` comment needs a reason".to_owned();
        let help = "write `# allow: DW201 because ..`, and why it is meant so";
        return wrong.push(finding(message).help(help));
    }
    if words.is_empty() {
        let help = "write `# allow: DW201 because ..` with the codes of the findings";
        return wrong.push(finding("an `allow:` comment names what it allows".to_owned()).help(help));
    }
    for word in words {
        match code(word) {
            Ok(code) if code.severity() == Severity::Error => {
                let message = format!("`{word}` is an error, which can't be allowed");
                wrong.push(finding(message).help("mend what it points at"));
            }
            Ok(Code::BadAllow | Code::IdleAllow) => {
                let message = format!("`{word}` is about comments like this one, and can't be allowed");
                wrong.push(finding(message).help("mend or remove the comment that it points at"));
            }
            Ok(code) => allowed.push(Allowed { code, reason: reason.to_owned(), at, used: false }),
            Err(()) => {
                let known = Code::ALL.iter().flat_map(|code| [code.id(), code.name()]);
                let message = format!("no finding is called `{}`", word.escape_debug());
                wrong.push(finding(message).suggest(
                    word,
                    known,
                    "take the code that `doorward lint` prints",
                ));
            }
        }
    }
}

/// The code of an id or a name.
fn code(word: &str) -> Result<Code, ()> {
    Code::ALL.iter().find(|code| code.id() == word || code.name() == word).copied().ok_or(())
}

/// Whether a word looks like an id.
fn is_id(word: &str) -> bool {
    let digits = word.get(..2).filter(|front| front.eq_ignore_ascii_case("DW")).and_then(|_| word.get(2..));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}
