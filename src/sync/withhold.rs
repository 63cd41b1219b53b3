//! What a ticket is not told where its tracker's disclosure is minimal: the weakness, CVEs and assets of what the
//! milestone serves, wherever a text that people wrote names them. The action itself is told as it is written: it is
//! what engineers are to do. Pure.

use super::mapping::Disclosure;
use crate::register::{Milestone, Register};

/// What stands in the place of what is withheld.
pub const WITHHELD: &str = "[withheld]";

/// Shorter facts tell nothing by themselves, and stand in every other word.
const SHORTEST: usize = 3;

/// A text as a ticket of `milestone` may show it. Under `minimal`, each CVE in it and each title, description and
/// component of an item that the milestone serves is withheld; what is to be done stays.
pub fn told(text: &str, register: &Register, milestone: &Milestone, disclosure: Disclosure) -> String {
    match disclosure {
        Disclosure::Full => text.to_owned(),
        Disclosure::Minimal => withheld(text, register, milestone),
    }
}

fn withheld(text: &str, register: &Register, milestone: &Milestone) -> String {
    let mut out = without_cves(text);
    let folded = fold(&out);
    let mut facts: Vec<String> = register
        .items_of(milestone)
        .flat_map(|item| {
            let facts = &item.facts;
            facts.components.iter().chain(&facts.cves).chain([&facts.title, &facts.description])
        })
        .map(|fact| fold(fact))
        .filter(|fact| fact.chars().count() >= SHORTEST && folded.contains(fact.as_str()))
        .collect();
    // The longest first: a title may hold a component.
    facts.sort_by_key(|fact| std::cmp::Reverse(fact.len()));
    facts.dedup();
    for fact in facts {
        out = without(&out, &fact);
    }
    out
}

/// Letters in one case, and one space between words.
fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Without each place where `fact`, which is folded, stands as words of its own.
fn without(text: &str, fact: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        let free = !before.is_some_and(char::is_alphanumeric);
        match length_of(rest, fact).filter(|_| free) {
            Some(length) => {
                out.push_str(WITHHELD);
                before = Some(']');
                rest = &rest[length..];
            }
            None => {
                out.push(first);
                before = Some(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// How many bytes at the start of `text` are `fact`, and no part of a longer word.
fn length_of(text: &str, fact: &str) -> Option<usize> {
    let mut left = text;
    let mut wanted = fact.chars().peekable();
    while wanted.peek().is_some() {
        let here = left.chars().next()?;
        if here.is_whitespace() {
            if wanted.next() != Some(' ') {
                return None;
            }
            left = left.trim_start();
            continue;
        }
        for letter in here.to_lowercase() {
            if wanted.next() != Some(letter) {
                return None;
            }
        }
        left = &left[here.len_utf8()..];
    }
    let longer = left.chars().next().is_some_and(char::is_alphanumeric);
    (!longer).then(|| text.len() - left.len())
}

/// Without each `CVE-2026-12345`.
fn without_cves(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let named = rest.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("cve-"));
        let number = rest
            .get(4..)
            .map_or(0, |tail| tail.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(tail.len()));
        if named && number > 0 {
            out.push_str(WITHHELD);
            rest = &rest[4 + number..];
        } else if let Some(first) = rest.chars().next() {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_withheld_and_not_parts_of_words() {
        for (text, fact, told) in [
            ("Upgrade nginx on Web-01.", "web-01", "Upgrade nginx on [withheld]."),
            ("the portals of the portal", "portal", "the portals of the [withheld]"),
            ("Old  TLS\nin use here", "old tls in use", "[withheld] here"),
            ("STRASSE straße", "straße", "STRASSE [withheld]"),
            ("", "portal", ""),
            ("portal", "portal", "[withheld]"),
        ] {
            assert_eq!(without(text, fact), told, "{text:?} {fact:?}");
        }
    }

    #[test]
    fn every_cve_is_withheld() {
        for (text, told) in [
            ("Fix CVE-2026-12345 and cve-2025-1", "Fix [withheld] and [withheld]"),
            ("CVE- is a prefix", "CVE- is a prefix"),
            ("ÄCVE-1", "Ä[withheld]"),
        ] {
            assert_eq!(without_cves(text), told, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_stands_as_words_is_gone(
            before in "[a-zß ]{0,12}",
            fact in "[a-zA-Z0-9.]{3,10}( [a-zA-Z0-9.]{1,6}){0,2}",
            after in "[A-Z ]{0,12}",
        ) {
            let text = format!("{before} {fact} {after}");
            let folded = fold(&fact);
            prop_assert!(length_of(&without(&text, &folded), &folded).is_none());
            let told = without(&text, &folded);
            let padded = format!(" {} ", fold(&told));
            let needle = format!(" {folded} ");
            prop_assert!(!padded.contains(&needle), "{}", told);
        }
    }
}
