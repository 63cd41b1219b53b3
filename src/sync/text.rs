//! Text of people as a ticket may carry it: in its order, within bounds, and naming nobody there. Pure.

/// Said where a text goes on that a ticket does not show.
const CUT: &str = "\u{2026} (cut)";

/// Text of ours or theirs as one line of Markdown that changes nothing around it, of at most `most` characters.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let line = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&line.chars().filter(|c| !c.is_control() && *c != '*').collect::<String>(), most)
}

/// The text, or as much of it as `most` characters hold with the mark that it goes on.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(CUT.chars().count())).collect();
    format!("{}{CUT}", kept.trim_end())
}

/// Text that reads in the order in which it was written, and calls nobody: characters that change the direction of
/// what follows are left out, and a zero-width space (U+200B) stands between `@` and a name, and in Jira's `[~name]`.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().filter(|c| !turns(*c)).peekable();
    while let Some(c) = rest.next() {
        out.push(c);
        let next = rest.peek().copied().unwrap_or(' ');
        let mention = c == '@' && !before.is_alphanumeric() && (next.is_alphanumeric() || next == '_');
        if mention || (before == '[' && c == '~' && next != '\u{200b}') {
            out.push('\u{200b}');
        }
        before = c;
    }
    out
}

/// Characters that change the direction of text (Unicode Standard Annex 9, explicit formatting characters).
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_people_or_turns_text_round_is_plain() {
        for (text, shown) in [
            ("@everyone look", "@\u{200b}everyone look"),
            ("ask (@org/team)", "ask (@\u{200b}org/team)"),
            ("[~accountid:1] and [~ada]", "[~\u{200b}accountid:1] and [~\u{200b}ada]"),
            ("ada@example.com, 3 @ 4, a ~ b", "ada@example.com, 3 @ 4, a ~ b"),
            ("invoice\u{202e}fdp.exe\u{2066}x\u{2069}", "invoicefdp.exex"),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
            assert_eq!(plain(shown), shown, "it stays so: {text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_with_a_mark() {
        assert_eq!(one_line("a *b*\n c", 5), "a b c");
        assert_eq!(one_line(&"word ".repeat(9), 16), "word word\u{2026} (cut)");
        assert_eq!(cut("\u{e9}\u{e9}", 2), "\u{e9}\u{e9}");
    }
}
