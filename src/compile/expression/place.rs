//! Where the parts of an expression stand in its text.

use cel::common::ast::{Expr as Node, IdedExpr, SourceInfo};

/// The parser's offsets, and the text that they count in.
pub(super) struct Places<'t> {
    pub(super) offsets: &'t SourceInfo,
    pub(super) text: &'t str,
}

impl Places<'_> {
    /// Where a node stands, with what the parser does not count in: the name of a
    /// call, and closing brackets.
    pub(super) fn of(&self, node: &IdedExpr) -> (usize, usize) {
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

/// Where a comment begins: `//` outside of texts that are written out.
pub(super) fn comment(text: &str) -> Option<usize> {
    let mut rest = text;
    loop {
        let at = rest.find(['\'', '"', '/'])?;
        let (before, found) = rest.split_at_checked(at)?;
        if found.starts_with('/') {
            if found.starts_with("//") {
                return Some(text.len() - found.len());
            }
            rest = found.get(1..)?;
            continue;
        }
        let ends = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| found.starts_with(quote))?;
        let raw = before.ends_with(['r', 'R']);
        let mut inside = found.get(ends.len()..)?;
        while !inside.starts_with(ends) {
            let mut chars = inside.chars();
            if chars.next()? == '\\' && !raw {
                chars.next();
            }
            inside = chars.as_str();
        }
        rest = inside.get(ends.len()..)?;
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
