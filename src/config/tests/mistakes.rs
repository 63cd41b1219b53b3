use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::{Config, DueField, EvidenceUrl};
use super::{LEAST, mistakes, one_mistake, pairs, parse, parse_with};

#[test]
fn the_least_is_enough_and_nothing_is_not() {
    let config = parse(LEAST).expect("the least");
    assert_eq!(config.evidence.url, EvidenceUrl::Folder(PathBuf::from("etc/evidence")));
    assert_eq!(config.systems[0].profile.rules[0].set, "legacy-rev5");
    one_mistake("", "etc/poam.toml: system: is missing");
}

#[test]
fn all_mistakes_are_reported_at_once_each_with_its_line() {
    let text = r#"
[server]
listn = "127.0.0.1:1"
public_url = "http://poam.example.com"

[schedule]
poll = "0 9 * * 1"
zone = "Europe/Berln"

[sync]
brake_percent = 101

[[system]]
id = "ACME"
name = "ACME"
impact = "medium"
process_owner = "Dana Reys"

[[connection]]
id = "hub"
kind = "github"
token_file = "nowhere"

[[tracker]]
id = "one"
connection = "hab"
repo = "no-slash"

[[person]]
name = "Dana Reyes"
roles = [{ system = "ACM", role = "ownr" }]
"#;
    assert_eq!(
        mistakes(text),
        [
            "etc/poam.toml:3: server.listn: no such key; did you mean \"listen\"?",
            "etc/poam.toml:4: server.public_url: must begin with https:// (http:// is for this host only)",
            "etc/poam.toml:7: schedule.poll: \"0 9 * * 1\" names days of the week by digits, which programs count \
             differently: write MON, TUE, WED, THU, FRI, SAT, SUN (a range: MON-FRI)",
            "etc/poam.toml:8: schedule.zone: \"Europe/Berln\" is no time zone such as \"America/New_York\" or \"UTC\"; \
             did you mean \"Europe/Berlin\"?",
            "etc/poam.toml:11: sync.brake_percent: must be a whole number from 1 to 100",
            "etc/poam.toml:16: system[ACME].impact: \"medium\" is none of \"low\", \"moderate\", \"high\"",
            "etc/poam.toml:17: system[ACME].process_owner: no person is named \"Dana Reys\"; did you mean \
             \"Dana Reyes\"?",
            "etc/poam.toml:22: connection[hub].token_file: cannot read etc/nowhere: No such file or directory (os \
             error 2)",
            "etc/poam.toml:26: tracker[one].connection: no connection is named \"hab\"; did you mean \"hub\"?",
            "etc/poam.toml:27: tracker[one].repo: \"no-slash\" is no repository such as \"owner/name\"",
            "etc/poam.toml:31: person[Dana Reyes].roles[#1].role: \"ownr\" is none of \"engineer\", \"owner\", \
             \"supporting\", \"validator\", \"approver\", \"isso\", \"process_owner\", \"system_owner\", \
             \"authorizing_official\", \"grc\", \"assessor\", \"admin\"; did you mean \"owner\"?",
        ]
    );
}

#[test]
fn what_is_no_toml_is_named_and_the_rest_is_read_all_the_same() {
    let text = format!("{LEAST}[server]\nlisten = 127.0.0.1\nstop_secnds = 3\n[stroe]\n");
    let found = mistakes(&text);
    assert!(found[0].starts_with("etc/poam.toml:6: no TOML: "), "{found:#?}");
    assert_eq!(
        found[1..],
        [
            "etc/poam.toml:7: server.stop_secnds: no such key; did you mean \"stop_seconds\"?",
            "etc/poam.toml:8: stroe: no such section; did you mean \"store\"?",
        ]
    );
    // Nothing is called missing that may stand in the broken line.
    let found = mistakes("[[system]]\nid = \"A\"\nname = \"A\"\nimpact = low\n");
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn flags_stand_above_the_environment_and_the_environment_above_the_file() {
    let text = format!("{LEAST}[server]\nlisten = \"127.0.0.1:1\"\nstop_seconds = 1\nwebhook_bytes = 2000\n");
    let env = pairs(&[
        ("POAM__SERVER__LISTEN", "127.0.0.1:2"),
        ("POAM__SERVER__STOP_SECONDS", "2"),
        ("POAM__COMMANDS__APPROVE_IN_TICKET", "false"),
        ("POAM_LOG", "debug"),
    ]);
    let config = parse_with(&text, &env, &[("server.listen", "127.0.0.1:3")]).expect("fine");
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.server.stop_seconds, 2);
    assert_eq!(config.server.webhook_bytes, 2000);
    assert!(!config.commands.approve_in_ticket);
}

#[test]
fn mistakes_above_the_file_name_the_variable_or_the_flag() {
    let env = pairs(&[
        ("POAM__SERVER__LISTEN", "nowhere"),
        ("POAM__SERVER__LISTN", "x"),
        ("POAM__SYSTEM__NAME", "x"),
        ("POAM__SYNC__OPEN_LIMIT", "many"),
        ("POAM__server__listen", "127.0.0.1:1"),
    ]);
    let errors = parse_with(LEAST, &env, &[("store.uri", "x")]).expect_err("mistakes");
    let mut found: Vec<String> = errors.mistakes.iter().map(ToString::to_string).collect();
    found.sort();
    let wanted = [
        "environment variable POAM__SERVER__LISTEN: server.listen: \"nowhere\" is no address",
        "environment variable POAM__SERVER__LISTN: sets no key",
        "environment variable POAM__SYNC__OPEN_LIMIT: sync.open_limit: must be a whole number",
        "environment variable POAM__SYSTEM__NAME: sets no key",
        "environment variable POAM__server__listen: sets no key",
        "flag store.uri: sets no key; did you mean \"store.url\"?",
    ];
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.starts_with(wanted), "{found} / {wanted}");
    }
}

#[test]
fn what_sections_say_of_each_other_must_fit() {
    let base = format!(
        "{LEAST}[[connection]]\nid = \"hub\"\nkind = \"github\"\ntoken = \"t\"\n[[connection]]\nid = \"jira\"\nkind = \
         \"jira\"\nurl = \"https://x.atlassian.net\"\ntoken = \"t\"\n"
    );
    assert_eq!(mistakes(&base), Vec::<String>::new());
    let hub = "[[tracker]]\nid = \"a\"\nconnection = \"hub\"\nrepo = \"o/r\"\n";
    let sec = "[[tracker]]\nid = \"b\"\nconnection = \"jira\"\nproject = \"SEC\"\n";
    for (rest, words) in [
        (
            "[[tracker]]\nid = \"a\"\nconnection = \"hub\"\nproject = \"SEC\"\n",
            "is for Jira: a GitHub tracker has repo",
        ),
        (
            "[[tracker]]\nid = \"a\"\nconnection = \"jira\"\nrepo = \"o/r\"\n",
            "is for GitHub: a Jira tracker has",
        ),
        ("[[tracker]]\nid = \"a\"\nconnection = \"hub\"\n", "tracker[a].repo: is missing"),
        ("[[tracker]]\nid = \"a\"\nconnection = \"jira\"\nproject = \"sec\"\n", "is no project key"),
        (&format!("{hub}issue_type = \"Task\"\n"), "issue_type: is for Jira"),
        (
            &format!("{hub}fields = {{ due = \"duedate\" }}\n"),
            "is none of \"block\", \"milestone\" and \"field:NAME\"",
        ),
        (&format!("{sec}fields = {{ due = \"milestone\" }}\n"), "is none of \"duedate\""),
        (&format!("{hub}fields = {{ extra = {{ a = 1 }} }}\n"), "fields.extra: is for Jira"),
        (&format!("{hub}states = {{ Doing = \"open\" }}\n"), "is no status of GitHub"),
        (&format!("{hub}states = {{ \"label:x\" = \"doing\" }}\n"), "\"doing\" is none of \"open\""),
        (&format!("{hub}disclosure = \"all\"\n"), "\"all\" is none of \"minimal\", \"full\""),
        (
            &format!("{hub}{}", hub.replace("\"a\"", "\"c\"").replace("o/r", "O/R")),
            "\"O/R\" is tracker a's already",
        ),
        (&format!("{hub}{}", sec.replace("\"b\"", "\"A\"")), "\"A\" is there already, as \"a\""),
        (
            &format!("{hub}[[route]]\nsystem = \"ACNE\"\ntracker = \"a\"\n"),
            "no system is named \"ACNE\"; did you",
        ),
        (&format!("{hub}[[route]]\nsystem = \"ACME\"\ntracker = \"z\"\n"), "no tracker is named \"z\""),
        ("[[person]]\nname = \"A\"\n[[person]]\nname = \"A\"\n", "\"A\" is there already"),
        ("[[person]]\nname = \"A\"\nmanager = \"B\"\n", "no person is named \"B\""),
        ("[[person]]\nname = \"A\"\nmanager = \"A\"\n", "manager: is the person"),
        ("[[person]]\nname = \"A\"\nemail = \"a\"\n", "is no e-mail address"),
        (
            "[[person]]\nname = \"A\"\ngithub = \"x\"\n[[person]]\nname = \"B\"\ngithub = \"@X\"\n",
            "is A's already",
        ),
        (
            "[[person]]\nname = \"A\"\nroles = [{ system = \"Z\", role = \"grc\" }]\n",
            "no system is named \"Z\"",
        ),
        ("[[system]]\nid = \"_\"\nname = \"x\"\nimpact = \"low\"\n", "\"_\" is no id"),
        ("[[system]]\nid = \"B\"\nname = \"x\"\nimpact = \"low\"\nsubmission_day = 32\n", "from 1 to 31"),
        (
            "[[system]]\nid = \"B\"\nname = \"x\"\nimpact = \"low\"\nrules = [{ set = \"legacy\", from = 2026-01-01 }]\n",
            "\"legacy\" is no rule set that ships",
        ),
        (
            "[[system]]\nid = \"B\"\nname = \"x\"\nimpact = \"low\"\nrules = [{ set = \"legacy-rev5\", from = \
             2026-01-01 }, { set = \"vdr-2026\", from = 2026-01-01 }]\n",
            "is not later than the set before it",
        ),
        (
            "[[ladder.step]]\nid = \"s\"\ndue = 1\nto = [\"owner\"]\nby = [\"mail\"]\n",
            "\"mail\" needs a [mail] section",
        ),
        ("[[ladder.step]]\nid = \"s\"\nto = [\"owner\"]\nby = [\"ticket\"]\n", "give due"),
        ("[connectoin]\n", "no such section; did you mean \"connection\"?"),
        ("[evidence]\nurl = \"ftp://x\"\n", "is neither a folder nor a bucket"),
        ("[store]\nurl = \"mysql://x/y\"\n", "is of a kind (mysql) that is no store"),
        ("[store]\nurl = 5\n", "store.url: must be a text in quotes, not an integer"),
        ("[rules]\ndir = \"nowhere\"\n", "etc/nowhere is no folder"),
    ] {
        one_mistake(&format!("{base}{rest}"), words);
    }
    let fine = format!(
        "{base}{hub}fields = {{ due = \"milestone\" }}\n{sec}fields = {{ due = \"customfield_7\" }}\n"
    );
    let config = parse(&fine).expect("fine");
    assert_eq!(config.trackers[0].fields.due, DueField::Milestone);
    assert_eq!(config.trackers[1].fields.due, DueField::Custom("customfield_7".to_owned()));
}

#[test]
fn a_missing_or_unreadable_file_says_so() {
    let errors =
        Config::load(Path::new("/nowhere/poam.toml"), &BTreeMap::new(), &BTreeMap::new()).expect_err("none");
    assert!(errors.to_string().contains("/nowhere/poam.toml: there is no such file; `poam init"), "{errors}");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("poam.toml");
    std::fs::write(&file, [0xff, 0xfe, 0x00]).expect("written");
    let errors = Config::load(&file, &BTreeMap::new(), &BTreeMap::new()).expect_err("no text");
    assert!(errors.to_string().contains("is no UTF-8 text"), "{errors}");
}
