//! Tables of what is and is not a command, and laws.

#![expect(clippy::expect_used, reason = "a date that is none fails its test")]

use proptest::prelude::*;

use super::*;

const US: [&str; 3] = ["poam-bot", "poam-app[bot]", "5b10a:2844c"];

fn day(text: &str) -> NaiveDate {
    text.parse().expect("an ISO date")
}

fn why(text: &str) -> Command {
    Command::Why(text.to_owned())
}

/// Each sort of command, with the body that says it.
fn table() -> Vec<(&'static str, Command)> {
    let late = || "the vendor's patch is late".to_owned();
    vec![
        ("/poam help", Command::Help),
        ("/poam help me please", Command::Help),
        ("/poam status", Command::Status),
        ("/poam why the vendor's patch is late", Command::Why(late())),
        (
            "/poam move 2026-12-15 the vendor's patch is late",
            Command::Move { to: day("2026-12-15"), why: late() },
        ),
        (
            "/poam move 2026-12-15: the vendor's patch is late",
            Command::Move { to: day("2026-12-15"), why: late() },
        ),
        (
            "/poam move 2026-12-15\nthe vendor's\npatch is late",
            Command::Move { to: day("2026-12-15"), why: "the vendor's\npatch is late".to_owned() },
        ),
        (
            "/poam evidence rescan of 2026-11-20 is clean",
            Command::Evidence("rescan of 2026-11-20 is clean".to_owned()),
        ),
        (
            "/poam evidence https://ci.example/run/7?a=b_c",
            Command::Evidence("https://ci.example/run/7?a=b_c".to_owned()),
        ),
        (
            "/poam evidence <https://ci.example/run/7>",
            Command::Evidence("https://ci.example/run/7".to_owned()),
        ),
        (
            "/poam evidence [run 7](https://ci.example/7)",
            Command::Evidence("https://ci.example/7".to_owned()),
        ),
        (
            "/poam evidence see [run 7](https://ci.example/7)",
            Command::Evidence("see [run 7](https://ci.example/7)".to_owned()),
        ),
        ("/poam blocked no licence yet", Command::Blocked("no licence yet".to_owned())),
        ("/poam unblocked", Command::Unblocked),
        (
            "/poam vendor Router fix is promised for May",
            Command::Vendor { product: "Router".to_owned(), text: "fix is promised for May".to_owned() },
        ),
        (
            "/poam vendor \"Acme Router 9\" fix is promised",
            Command::Vendor { product: "Acme Router 9".to_owned(), text: "fix is promised".to_owned() },
        ),
        (
            "/poam vendor “Acme Router”: fix is promised",
            Command::Vendor { product: "Acme Router".to_owned(), text: "fix is promised".to_owned() },
        ),
        ("/poam owner @octo-cat", Command::Owner("octo-cat".to_owned())),
        ("/poam owner octo-cat.", Command::Owner("octo-cat".to_owned())),
        ("/poam owner [~accountid:5b10a:77]", Command::Owner("5b10a:77".to_owned())),
        ("/poam owner [~5b10a:77]", Command::Owner("5b10a:77".to_owned())),
        ("/poam ack the fix ships on Monday", Command::Ack("the fix ships on Monday".to_owned())),
        ("/poam approve", Command::Approve(None)),
        ("/poam approve 2", Command::Approve(Some(2))),
        ("/poam approve #12", Command::Approve(Some(12))),
        (
            "/poam reject too late for the audit",
            Command::Reject { number: None, why: "too late for the audit".to_owned() },
        ),
        (
            "/poam reject 2 too late for the audit",
            Command::Reject { number: Some(2), why: "too late for the audit".to_owned() },
        ),
        ("/poam reject #2: too late", Command::Reject { number: Some(2), why: "too late".to_owned() }),
        ("/poam validate seen on all hosts", Command::Validate("seen on all hosts".to_owned())),
    ]
}

#[test]
fn each_command_is_read() {
    for (body, command) in table() {
        assert_eq!(parse(body, &US), [command], "{body}");
    }
}

#[test]
fn each_command_is_in_the_table_and_in_the_forms() {
    let word_of = |command: &Command| match command {
        Command::Help => "help",
        Command::Why(_) => "why",
        Command::Move { .. } => "move",
        Command::Evidence(_) => "evidence",
        Command::Blocked(_) => "blocked",
        Command::Unblocked => "unblocked",
        Command::Vendor { .. } => "vendor",
        Command::Owner(_) => "owner",
        Command::Ack(_) => "ack",
        Command::Approve(_) => "approve",
        Command::Reject { .. } => "reject",
        Command::Validate(_) => "validate",
        Command::Status => "status",
        Command::Unreadable { .. } => "unreadable",
    };
    let said: std::collections::BTreeSet<&str> =
        table().iter().map(|(_, command)| word_of(command)).collect();
    assert_eq!(said, FORMS.iter().map(|(word, _)| *word).collect());
    for (word, form) in FORMS {
        assert!(form.starts_with(&format!("/poam {word}")), "{form}");
    }
    assert!(MEANT.iter().all(|(_, meant)| FORMS.iter().any(|(word, _)| word == meant)));
}

#[test]
fn every_way_to_call_us_is_heard() {
    for call in [
        "/poam why",
        "/POAM Why",
        "/poam why:",
        "/poam: why",
        "poam: why",
        "POAM:why",
        "  /poam\twhy",
        "@poam-bot why",
        "@POAM-bot, why",
        "@poam-bot: why",
        "@poam-app why",
        "@poam-app[bot] why",
        "[~5b10a:2844c] why",
        "[~accountid:5b10a:2844c], why",
        "Hello all,\n/poam why",
        "Hello all,\r\n/poam why",
        "> a question\n/poam why",
        "```\ncode\n```\n/poam why",
    ] {
        assert_eq!(parse(&format!("{call} the patch is late"), &US), [why("the patch is late")], "{call}");
    }
}

#[test]
fn what_does_not_call_us_says_nothing() {
    for body in [
        "",
        "please see /poam why the patch is late",
        "/poamwhy the patch is late",
        "/poams why the patch is late",
        "poam why the patch is late",
        "- /poam why the patch is late",
        "@poam-bot2 why the patch is late",
        "@poam-bot.example.com why",
        "@octo-cat why the patch is late",
        "[~5b10a:2844cc] why the patch is late",
        "cc @poam-bot why the patch is late",
        // quotes
        "> /poam why the patch is late",
        "  > /poam why the patch is late",
        ">/poam why the patch is late",
        "> > /poam why the patch is late",
        "> - /poam why the patch is late",
        // code
        "    /poam why the patch is late",
        "\t/poam why the patch is late",
        "text\n    /poam why the patch is late",
        "text\n\t/poam why the patch is late",
        "`/poam why the patch is late`",
        "see `some\n/poam approve\nthing`",
        "```\n/poam why the patch is late\n```",
        "~~~sh\n/poam why the patch is late\n~~~",
        "````\n```\n/poam approve\n```\n````",
        "```\n/poam why never closed",
        "1. step\n   ```\n   /poam approve\n   ```",
        // HTML
        "<!-- /poam approve -->",
        "<!--\n/poam approve\n-->",
        "text <!-- a\n/poam approve\n-->",
        "<blockquote>\n/poam approve\n</blockquote>",
        "<pre>\n/poam approve\n</pre>",
        // escaped on purpose
        "\\/poam why the patch is late",
    ] {
        assert_eq!(parse(body, &US), [], "{body:?}");
    }
    assert_eq!(
        parse("@ why the patch is late\n[~] why the patch is late", &[""]),
        [],
        "an account without a name"
    );
    assert_eq!(parse("@poam-bot why the patch is late", &[]), [], "no account");
}

#[test]
fn text_goes_on_to_a_blank_line_a_quote_or_the_next_command() {
    let body = "/poam why the patch\n  is late,\nsays the vendor\n\nRegards\nBob";
    assert_eq!(parse(body, &US), [why("the patch\nis late,\nsays the vendor")]);

    let body = "/poam why the patch is late\n> their words\nmine";
    assert_eq!(parse(body, &US), [why("the patch is late")]);

    let body = "/poam why the patch is late\n@poam-bot evidence a mail\n/poam status\nthanks";
    assert_eq!(
        parse(body, &US),
        [why("the patch is late"), Command::Evidence("a mail".to_owned()), Command::Status]
    );

    let body = "/poam evidence\n```\n$ nmap -p 443\n\n/poam approve\n```\nas of today\n\nBob";
    let text = "```\n$ nmap -p 443\n\n/poam approve\n```\nas of today";
    assert_eq!(parse(body, &US), [Command::Evidence(text.to_owned())]);

    assert_eq!(
        parse("/poam why version 1\\.2 is \\_late\\_, see C:\\temp", &US),
        [why("version 1.2 is _late_, see C:\\temp")]
    );
}

#[test]
fn what_cannot_be_read_says_how_it_is_written() {
    for (body, says) in [
        ("/poam", "it says nothing; `/poam help` lists what can be said"),
        ("@poam-bot", "it says nothing; `/poam help` lists what can be said"),
        ("/poam why", "the reason is missing; write `/poam why REASON`"),
        ("/poam why ...", "the reason is missing; write `/poam why REASON`"),
        ("/poam why\n\nthe patch is late", "the reason is missing; write `/poam why REASON`"),
        ("/poam move", "the date is missing; write `/poam move 2026-12-15 REASON`"),
        ("/poam move 2026-12-15", "the reason is missing; write `/poam move 2026-12-15 REASON`"),
        (
            "/poam move 2026-02-30 the patch is late",
            "there is no day 2026-02-30 in the calendar; write `/poam move 2026-12-15 REASON`",
        ),
        (
            "/poam move 12/15/2026 the patch is late",
            "`12/15/2026` is no date such as 2026-12-15 (year-month-day); write `/poam move 2026-12-15 REASON`",
        ),
        (
            "/poam move 2026-2-3 the patch is late",
            "`2026-2-3` is no date such as 2026-12-15 (year-month-day); write `/poam move 2026-12-15 REASON`",
        ),
        (
            "/poam move next week",
            "`next` is no date such as 2026-12-15 (year-month-day); write `/poam move 2026-12-15 REASON`",
        ),
        ("/poam evidence", "its text is missing; write `/poam evidence TEXT-OR-URL`"),
        ("/poam blocked", "the reason is missing; write `/poam blocked REASON`"),
        ("/poam unblocked after Friday", "it takes no text; write `/poam unblocked`"),
        ("/poam vendor", "the product is missing; write `/poam vendor PRODUCT TEXT`"),
        ("/poam vendor Router", "what is known of it is missing; write `/poam vendor PRODUCT TEXT`"),
        ("/poam owner", "the account is missing; write `/poam owner @login`"),
        ("/poam owner @", "the account is missing; write `/poam owner @login`"),
        ("/poam owner Ann Smith", "it takes one account, and nothing else; write `/poam owner @login`"),
        ("/poam ack", "its text is missing; write `/poam ack TEXT`"),
        (
            "/poam approve not yet",
            "it takes nothing but the number of a move; write `/poam approve [NUMBER]`",
        ),
        ("/poam approve 0", "`0` is no number of a move; write `/poam approve [NUMBER]`"),
        ("/poam approve 99999999999", "`99999999999` is no number of a move; write `/poam approve [NUMBER]`"),
        ("/poam reject", "the reason is missing; write `/poam reject [NUMBER] REASON`"),
        ("/poam reject 2", "the reason is missing; write `/poam reject [NUMBER] REASON`"),
        ("/poam validate", "its text is missing; write `/poam validate TEXT`"),
        (
            "/poam apporve",
            "there is no command `apporve`, but perhaps you meant `approve`; write `/poam approve [NUMBER]`",
        ),
        (
            "/poam wy the patch is late",
            "there is no command `wy`, but perhaps you meant `why`; write `/poam why REASON`",
        ),
        (
            "/poam postpone to May",
            "there is no command `postpone`, but perhaps you meant `move`; write `/poam move 2026-12-15 REASON`",
        ),
        ("/poam frobnicate", "there is no command `frobnicate`; `/poam help` lists what can be said"),
        ("@poam-bot @everyone", "there is no command `@everyone`; `/poam help` lists what can be said"),
        ("/poam `whoops` x", "there is no command ` whoops `; `/poam help` lists what can be said"),
    ] {
        let line = body.lines().next().unwrap_or_default().replace('`', " ");
        let unreadable = Command::Unreadable { line, why: says.to_owned() };
        assert_eq!(parse(body, &US), [unreadable], "{body}");
    }
}

#[test]
fn an_unreadable_line_is_cut() {
    let said = parse(&format!("/poam {}", "ä".repeat(500)), &US);
    let [Command::Unreadable { line, why }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(line.chars().count(), 121);
    assert!(why.chars().count() < 250, "{why}");
}

const QUESTION: &str = "The due date of **ACME M-17** was moved from 2026-12-10 to 2026-12-20 by Bob, and no reason is \
                        recorded. The original date is 2026-11-30.\n\nWhy? Answer with /poam why REASON.";

#[test]
fn a_reply_that_quotes_our_question_is_the_rationale() {
    let asked = "The due date of **ACME M-17** was moved from 2026-12-10 to 2026-12-20 by Bob, and no reason is recorded.";
    for (body, rationale) in [
        (format!("> {asked}\n\nThe patch is late"), Some("The patch is late")),
        (format!("> {asked}\nThe patch is late"), Some("The patch is late")),
        (format!("> {}\n\nThe patch is late\n\nsays Acme", QUESTION.replace('\n', "\n> ")), Some("The patch is late\n\nsays Acme")),
        (format!("The patch is late\n\n> {asked}"), Some("The patch is late")),
        // Wrapped anew, without marks, by a mail program.
        (
            "On Friday, poam-bot wrote:\r\n> The due date of ACME M-17 was moved from 2026-12-10 to\r\n> 2026-12-20 by Bob, \
             and no reason is recorded.\r\n\r\nThe patch is late"
                .to_owned(),
            Some("The patch is late"),
        ),
        // Nothing said, nothing quoted, another question, or somebody else's answer quoted.
        (format!("> {asked}"), None),
        (format!("> {asked}\n\n..."), None),
        (format!("> {asked}\n\n<!-- The patch is late -->"), None),
        ("The patch is late".to_owned(), None),
        (asked.to_owned(), None),
        (format!("> {}\n\nThe patch is late", asked.replace("M-17", "M-18")), None),
        ("> The due date of ACME M-17\n\nThe patch is late".to_owned(), None),
        (format!("> > {asked}\n> The patch is late\n\nI doubt that"), None),
        (format!("```\n> {}\n```\nThe patch is late", "something else"), None),
    ] {
        assert_eq!(quotes_question(&body, QUESTION).as_deref(), rationale, "{body}");
    }
    assert_eq!(quotes_question("> \n\nThe patch is late", ""), None, "a question that asks nothing");
}

fn each_line(prefix: &str, text: &str) -> String {
    text.lines().map(|line| format!("{prefix}{line}")).collect::<Vec<_>>().join("\n")
}

/// Lines in which nobody is called.
fn uncalled() -> impl Strategy<Value = String> {
    prop::collection::vec("[ >`~<!\\-a-z/:@\\[\\]\\\\*#\t.]{0,24}", 0..8)
        .prop_map(|lines| lines.join("\n"))
        .prop_filter("calls us", |text| !text.contains("poam"))
}

proptest! {
    #[test]
    fn reading_never_panics(body in "(?s).{0,200}", question in ".{0,60}", account in ".{0,8}") {
        let said = parse(&body, &[&account, "poam-bot"]);
        prop_assert!(said.len() <= body.lines().count());
        let _ = quotes_question(&body, &question);
    }

    #[test]
    fn reading_what_looks_like_commands_never_panics(
        parts in prop::collection::vec(
            prop::sample::select(&[
                "/poam", "poam:", "@poam-bot", "[~", "]", " ", "\n", "\r\n", ">", "```", "`", "    ", "<!--", "-->", "why",
                "move", "approve", "reject", "vendor", "owner", "\"", "“", "2026-12-15", "2026-02-30", "#", "7", "ä", "\\", "@",
            ][..]),
            0..30,
        ),
    ) {
        for command in parse(&parts.concat(), &US) {
            if let Command::Unreadable { line, why } = command {
                prop_assert!(!line.contains('`') && !line.contains('\n') && why.contains("`/poam "), "{} {}", line, why);
            }
        }
    }

    #[test]
    fn text_that_does_not_call_us_says_nothing(text in uncalled()) {
        prop_assert_eq!(parse(&text, &US), []);
    }

    #[test]
    fn what_is_quoted_or_code_says_nothing(text in uncalled(), place in 0..table().len(), fence in "`{30}|~{30}") {
        let (command, _) = table()[place];
        let within = format!("{text}\n{command}");
        let quoted = each_line("> ", &within);
        prop_assert_eq!(parse(&quoted, &US), [], "quoted");
        let indented = each_line("    ", &within);
        prop_assert_eq!(parse(&indented, &US), [], "indented");
        prop_assert_eq!(parse(&format!("{fence}\n{within}\n{fence}"), &US), [], "fenced");
    }

    #[test]
    fn a_command_after_a_blank_line_is_heard_whatever_was_quoted_before(text in uncalled(), place in 0..table().len()) {
        let (body, command) = &table()[place];
        let quoted = each_line("> ", &text);
        prop_assert_eq!(parse(&format!("{quoted}\n\n{body}"), &US), std::slice::from_ref(command));
    }

    #[test]
    fn a_reason_is_read_as_it_was_written(reason in "[a-zA-Z0-9]([a-zA-Z0-9 ,.;:()'ä€-]{0,60}[a-z])?") {
        prop_assert_eq!(parse(&format!("/poam why {reason}"), &US), [Command::Why(reason.clone())]);
        let moved = Command::Move { to: day("2026-12-15"), why: reason.clone() };
        prop_assert_eq!(parse(&format!("@poam-bot move 2026-12-15 {reason}"), &US), [moved]);
        let quote = format!("> {}\n\n{reason}", QUESTION.replace('\n', "\n> "));
        prop_assert_eq!(quotes_question(&quote, QUESTION), Some(reason));
    }
}
