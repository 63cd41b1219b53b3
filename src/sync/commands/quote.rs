//! Replies that quote our question.

use super::lines::{Kind, lines};
use super::{plain, says_something};

/// The words of a reply that quotes our question: whatever is not quoted. None where `body` does not quote the first
/// sentence of `question`, or says nothing beside.
///
/// Only a quote of the first level counts: who quotes somebody's answer with our question in it answers that person.
/// Whether the reply also holds commands is not looked at.
pub fn quotes_question(body: &str, question: &str) -> Option<String> {
    let asked = words(first_sentence(question));
    if asked.is_empty() {
        return None;
    }
    let lines = lines(body);
    let mut quoted = String::new();
    let mut said: Vec<&str> = Vec::new();
    for line in &lines {
        match line.kind {
            Kind::Quoted => {
                // As mail programs introduce a quote.
                if said.last().is_some_and(|last| last.trim_end().ends_with("wrote:")) {
                    said.pop();
                }
                let inner = line.text.trim_start().trim_start_matches('>');
                let level =
                    line.text.chars().filter(|c| !c.is_whitespace()).take_while(|c| *c == '>').count();
                if level == 1 {
                    quoted.push_str(inner);
                    quoted.push('\n');
                }
            }
            Kind::Own | Kind::Code => said.push(line.text),
            Kind::Hidden => {}
        }
    }
    if !words(&quoted).contains(&asked) {
        return None;
    }
    let text = plain(said.join("\n").trim());
    says_something(&text).then_some(text)
}

/// Up to the first full stop, question mark or line end that closes it.
fn first_sentence(text: &str) -> &str {
    let line = text.trim_start().lines().next().unwrap_or_default();
    let end = line.find(". ").or_else(|| line.find("? ")).map_or(line.len(), |end| end + 1);
    line[..end].trim_end()
}

/// Nothing but letters, digits and what joins them, in small letters: quoting changes marks and line ends.
fn words(text: &str) -> String {
    let marks = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '`' | '\\' | '>');
    text.split(marks).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").to_lowercase()
}
