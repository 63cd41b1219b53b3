//! Commands that people write in tickets: pure reading of a comment's Markdown.
//!
//! A command stands at the start of a line (up to three blanks before it), as `/poam WORD ...`, `poam: WORD ...` or by
//! mentioning our account (`@account WORD ...`, or `[~account] WORD ...` as Jira writes it). Never in a quote (a line
//! that begins with `>`), in code (fenced, indented by four, inline) or in HTML. Case does not matter.
//!
//! The text of a command goes on over the following lines to the next command, quote or blank line; a code block that
//! follows without a blank line belongs to it whole, so that a test's output can be given as evidence. Commands that
//! take no text leave what follows alone.

mod lines;
mod quote;
#[cfg(test)]
mod tests;

use chrono::NaiveDate;

use lines::{Kind, Line};
pub use quote::quotes_question;

/// What one command says. Whether it may be obeyed is decided elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// What can be said here?
    Help,
    /// Why the date moved.
    Why(String),
    /// Proposes another due date.
    Move {
        /// To this day.
        to: NaiveDate,
        /// Why.
        why: String,
    },
    /// Gives a proof: words, or one URL.
    Evidence(String),
    /// Work cannot go on.
    Blocked(String),
    /// Work goes on.
    Unblocked,
    /// It waits for a vendor.
    Vendor {
        /// The vendor's product.
        product: String,
        /// What is known.
        text: String,
    },
    /// Who works on it from now on: the account, without `@`.
    Owner(String),
    /// A reminder was seen, and this is what follows.
    Ack(String),
    /// Approves a move: the open one, or the one named.
    Approve(Option<u32>),
    /// Rejects a move.
    Reject {
        /// The open one, or the one named.
        number: Option<u32>,
        /// Why.
        why: String,
    },
    /// The fix was looked at and holds.
    Validate(String),
    /// Where does it stand?
    Status,
    /// Meant as a command, and not one.
    Unreadable {
        /// The line as written, fit to stand in inline code: without backticks and cut after 120 characters.
        line: String,
        /// What is wrong and how it is written, without a full stop.
        why: String,
    },
}

/// Each word with the way to write it.
const FORMS: [(&str, &str); 13] = [
    ("help", "/poam help"),
    ("why", "/poam why REASON"),
    ("move", "/poam move 2026-12-15 REASON"),
    ("evidence", "/poam evidence TEXT-OR-URL"),
    ("blocked", "/poam blocked REASON"),
    ("unblocked", "/poam unblocked"),
    ("vendor", "/poam vendor PRODUCT TEXT"),
    ("owner", "/poam owner @login"),
    ("ack", "/poam ack TEXT"),
    ("approve", "/poam approve [NUMBER]"),
    ("reject", "/poam reject [NUMBER] REASON"),
    ("validate", "/poam validate TEXT"),
    ("status", "/poam status"),
];

/// Words that people try, with the one that says it.
const MEANT: [(&str, &str); 14] = [
    ("acknowledge", "ack"),
    ("assign", "owner"),
    ("because", "why"),
    ("block", "blocked"),
    ("date", "move"),
    ("deny", "reject"),
    ("due", "move"),
    ("extend", "move"),
    ("postpone", "move"),
    ("proof", "evidence"),
    ("reason", "why"),
    ("reschedule", "move"),
    ("unblock", "unblocked"),
    ("verify", "validate"),
];

/// The commands of a comment, in order. `accounts` are the names and ids of our account there, for mentions; a GitHub
/// app may be named with or without `[bot]`.
pub fn parse(body: &str, accounts: &[&str]) -> Vec<Command> {
    let lines = lines::lines(body);
    let mut commands = Vec::new();
    let mut rest = lines.as_slice();
    while let Some((line, after)) = rest.split_first() {
        rest = after;
        let Some(said) = called(line, accounts) else { continue };
        let end = rest.iter().position(|line| !goes_on(line, accounts)).unwrap_or(rest.len());
        let (more, after) = rest.split_at(end);
        rest = after;
        commands.push(
            read(said, more).unwrap_or_else(|why| Command::Unreadable { line: line_of(line.text), why }),
        );
    }
    commands
}

/// What follows our name on a line that calls us.
fn called<'a>(line: &Line<'a>, accounts: &[&str]) -> Option<&'a str> {
    if line.kind != Kind::Own {
        return None;
    }
    let text = line.text.trim();
    if let Some(rest) = after_name(text, "/poam").or_else(|| after_ignoring_case(text, "poam:")) {
        return Some(rest.trim_start_matches(':').trim_start());
    }
    let mention = |account: &&str| {
        let id = account.strip_suffix("[bot]").unwrap_or(account);
        if id.is_empty() {
            return None;
        }
        let bracketed = text.strip_prefix("[~").and_then(|inner| {
            let inner = after_ignoring_case(inner, "accountid:").unwrap_or(inner);
            after_ignoring_case(inner, account)?.strip_prefix(']')
        });
        let at = || {
            text.strip_prefix('@').and_then(|name| after_name(name, account).or_else(|| after_name(name, id)))
        };
        bracketed.or_else(at)
    };
    let rest = accounts.iter().find_map(mention)?;
    Some(rest.trim_start_matches([',', ':']).trim_start())
}

/// What follows `name`, where the name ends there.
fn after_name<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    after_ignoring_case(text, name)
        .filter(|rest| rest.chars().next().is_none_or(|c| c.is_whitespace() || matches!(c, ',' | ':')))
}

fn after_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Whether a line belongs to the text of the command before it.
fn goes_on(line: &Line<'_>, accounts: &[&str]) -> bool {
    match line.kind {
        Kind::Own => !line.text.trim().is_empty() && called(line, accounts).is_none(),
        Kind::Code => true,
        Kind::Quoted | Kind::Hidden => false,
    }
}

/// Reads what was said to us; the error says what is wrong and how it is written.
fn read(said: &str, more: &[Line<'_>]) -> Result<Command, String> {
    let (word, argument) = first_word(said);
    let word = word.trim_end_matches([':', ',', '.', ';', '!', '?']).to_lowercase();
    let text = || Text { first: argument, more }.read();
    let needs_text = || text().ok_or_else(|| wrong("its text is missing", &word));
    let needs_reason = || text().ok_or_else(|| wrong("the reason is missing", &word));
    Ok(match word.as_str() {
        "help" => Command::Help,
        "status" => Command::Status,
        "why" => Command::Why(needs_reason()?),
        "blocked" => Command::Blocked(needs_reason()?),
        "ack" => Command::Ack(needs_text()?),
        "validate" => Command::Validate(needs_text()?),
        "evidence" => Command::Evidence(bare_url(needs_text()?)),
        "unblocked" if argument.is_empty() => Command::Unblocked,
        "unblocked" => return Err(wrong("it takes no text", &word)),
        "move" => {
            let (day, argument) = first_word(argument);
            let to = date(day).map_err(|what| wrong(&what, &word))?;
            let why = Text { first: argument, more }.read();
            Command::Move { to, why: why.ok_or_else(|| wrong("the reason is missing", &word))? }
        }
        "vendor" => {
            let (product, argument) = first_name(argument);
            let text = Text { first: argument, more }.read();
            match (says_something(product), text) {
                (true, Some(text)) => Command::Vendor { product: plain(product), text },
                (false, _) => return Err(wrong("the product is missing", &word)),
                (true, None) => return Err(wrong("what is known of it is missing", &word)),
            }
        }
        "owner" => Command::Owner(account(argument).map_err(|what| wrong(what, &word))?),
        "approve" => {
            let (number, rest) = number(argument).map_err(|what| wrong(&what, &word))?;
            // `approve not yet` must not approve.
            if !rest.is_empty() {
                return Err(wrong("it takes nothing but the number of a move", &word));
            }
            Command::Approve(number)
        }
        "reject" => {
            let (number, rest) = number(argument).map_err(|what| wrong(&what, &word))?;
            let why = Text { first: rest, more }.read();
            Command::Reject { number, why: why.ok_or_else(|| wrong("the reason is missing", &word))? }
        }
        "" => return Err("it says nothing; `/poam help` lists what can be said".to_owned()),
        _ => return Err(unknown(&word)),
    })
}

fn wrong(what: &str, word: &str) -> String {
    let form = FORMS.iter().find(|(known, _)| *known == word).map_or("/poam help", |(_, form)| form);
    format!("{what}; write `{form}`")
}

fn unknown(word: &str) -> String {
    let meant = MEANT.iter().find(|(tried, _)| *tried == word).map(|(_, meant)| *meant);
    // One slip in a short word, two in a long one.
    let allowed = if word.chars().count() < 5 { 1 } else { 2 };
    let nearest = FORMS
        .iter()
        .map(|(known, _)| (strsim::osa_distance(word, known), *known))
        .filter(|(slips, _)| *slips <= allowed)
        .min();
    let said = shown(word);
    match meant.or(nearest.map(|(_, known)| known)) {
        Some(meant) => wrong(&format!("there is no command {said}, but perhaps you meant `{meant}`"), meant),
        None => format!("there is no command {said}; `/poam help` lists what can be said"),
    }
}

/// The text of a command: the rest of its line and the lines that go on.
struct Text<'a, 'b> {
    first: &'a str,
    more: &'b [Line<'a>],
}

impl Text<'_, '_> {
    /// None where it holds no letter or digit.
    fn read(&self) -> Option<String> {
        let mut text = plain(self.first);
        for line in self.more {
            text.push('\n');
            match line.kind {
                Kind::Own => text.push_str(&plain(line.text.trim())),
                Kind::Code | Kind::Quoted | Kind::Hidden => text.push_str(line.text.trim_end()),
            }
        }
        let text = text.trim_matches(['\n', ' ']);
        says_something(text).then(|| text.to_owned())
    }
}

fn says_something(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

/// A word, or several in quotation marks.
fn first_name(text: &str) -> (&str, &str) {
    let inner = text.trim_start().strip_prefix(['"', '\u{201c}']);
    match inner.and_then(|inner| inner.split_once(['"', '\u{201d}'])) {
        Some((name, rest)) => (name.trim(), rest.trim_start_matches([':', ',']).trim()),
        None => first_word(text),
    }
}

/// Markdown's backslash escapes taken away.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '\\' && next.is_ascii_punctuation() => out.extend(chars.next()),
            Some(_) | None => out.push(c),
        }
    }
    out
}

/// `<URL>` and `[words](URL)` standing alone are the URL.
fn bare_url(text: String) -> String {
    let auto = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let linked = || {
        text.strip_prefix('[').and_then(|rest| rest.strip_suffix(')')).and_then(|rest| rest.split_once("]("))
    };
    let url = auto.or_else(|| linked().map(|(_, url)| url));
    match url {
        Some(url) if url.contains("://") && !url.contains(char::is_whitespace) => url.to_owned(),
        Some(_) | None => text,
    }
}

fn date(word: &str) -> Result<NaiveDate, String> {
    let word = word.trim_end_matches([':', ',', ';', '.']);
    if word.is_empty() {
        return Err("the date is missing".to_owned());
    }
    let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = word.split('-').collect();
    let fine =
        matches!(parts[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2));
    if !fine {
        return Err(format!("{} is no date such as 2026-12-15 (year-month-day)", shown(word)));
    }
    word.parse().map_err(|_| format!("there is no day {word} in the calendar"))
}

/// A login as people write it: `@login`, `login`, or Jira's `[~id]`.
fn account(argument: &str) -> Result<String, &'static str> {
    let one = argument.trim_end_matches(['.', ',']);
    if one.is_empty() {
        return Err("the account is missing");
    }
    if one.contains(char::is_whitespace) {
        return Err("it takes one account, and nothing else");
    }
    let one = plain(one);
    let id = match one.strip_prefix("[~").and_then(|inner| inner.strip_suffix(']')) {
        Some(id) => id.strip_prefix("accountid:").unwrap_or(id),
        None => one.strip_prefix('@').unwrap_or(&one),
    };
    if says_something(id) { Ok(id.to_owned()) } else { Err("the account is missing") }
}

/// The number of a move at the beginning, as `2` or `#2`, and the rest; none where there is no number.
fn number(argument: &str) -> Result<(Option<u32>, &str), String> {
    let (word, rest) = first_word(argument);
    let digits = word.strip_prefix('#').unwrap_or(word).trim_end_matches([':', ',', '.']);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok((None, argument.trim()));
    }
    match digits.parse() {
        Ok(number) if number > 0 => Ok((Some(number), rest)),
        Ok(_) | Err(_) => Err(format!("{} is no number of a move", shown(word))),
    }
}

/// Somebody's word within ours, as inline code, in which nobody is mentioned.
fn shown(text: &str) -> String {
    format!("`{}`", line_of(text))
}

/// Somebody's words on one line, without the mark that would end inline code, cut.
fn line_of(text: &str) -> String {
    const MOST: usize = 120;
    let text = text.trim();
    let fine = |c: char| if c.is_control() || c == '`' { ' ' } else { c };
    let mut line: String = text.chars().take(MOST).map(fine).collect();
    if text.chars().nth(MOST).is_some() {
        line.push('…');
    }
    line
}
