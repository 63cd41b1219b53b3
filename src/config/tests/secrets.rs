use std::collections::BTreeMap;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::super::{Config, Credentials, Origin, ProxyChoice, StoreUrl};
use super::{LEAST, REFERENCE, one_mistake, parse, parse_with, reference_env};

#[cfg(unix)]
#[test]
fn a_file_with_a_secret_must_be_closed_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("poam.toml");
    let token = dir.path().join("token");
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
    };
    let load = || Config::load(&file, &BTreeMap::new(), &BTreeMap::new());
    let write = |key: &str| {
        let text = format!("{LEAST}[[connection]]\nid = \"hub\"\nkind = \"github\"\n{key}\n");
        std::fs::write(&file, text).expect("written");
    };

    std::fs::write(&token, "from-file\n").expect("written");
    write("token_file = \"token\"");
    for mode in [0o644, 0o640, 0o604] {
        set(&token, mode);
        let errors = load().expect_err("too open");
        assert_eq!(errors.mistakes.len(), 1);
        assert!(errors.to_string().contains(&format!("chmod 600 {}", token.display())), "{errors}");
    }
    set(&token, 0o600);
    set(&file, 0o644); // it holds no secret itself
    let config = load().expect("fine");
    let Credentials::Token(secret) = &config.connections[0].credentials else {
        unreachable!("a token was given")
    };
    assert_eq!(secret.value.expose_secret(), "from-file");
    assert_eq!(secret.origin, Origin::File(token.clone()));

    for inline in ["token = \"inline\"", "token_file = \"token\"\nproxy = \"http://user:word@proxy:1\""] {
        write(inline);
        set(&file, 0o644);
        let errors = load().expect_err("too open");
        assert!(errors.to_string().contains(&format!("chmod 600 {}", file.display())), "{errors}");
        set(&file, 0o600);
        assert!(load().is_ok());
    }
}

#[test]
fn nothing_shown_of_a_configuration_is_secret() {
    let mut env = reference_env();
    env.insert("POAM__STORE__URL".to_owned(), "postgres://poam:store-hidden@db/poam".to_owned());
    let text = REFERENCE
        .replace("proxy = \"none\"", "proxy = \"http://user:proxy-hidden@proxy.example:3128\"")
        .replace("#webhook_secret = [\"new\", \"old\"]", "webhook_secret = [\"list-hidden\", \"old-hidden\"]")
        .replace("webhook_secret_env = [\"GITHUB_WEBHOOK_SECRET\"]", "");
    let config = parse_with(&text, &env, &[]).expect("fine");
    let shown = format!("{config:?} {config:#?}");
    assert!(shown.contains("SecretBox") && !shown.contains("hidden"), "{shown}");
    assert!(matches!(&config.connections[0].proxy, ProxyChoice::Through(_)));
    assert_eq!(config.connections[0].webhook_secrets.len(), 2);
    assert!(
        matches!(&config.store.url, StoreUrl::Postgres(url) if url.expose_secret().contains("store-hidden"))
    );

    // Nor of a wrong one.
    let text = format!(
        "{LEAST}[store]\nurl = \"postgres://poam:hidden@db:notaport/x\"\n[[connection]]\nid = \"a\"\nkind = \"jira\"\n\
         token = \"hidden with a blank\"\nurl = \"https://me:hidden@example.com\"\nproxy = \"ftp://a:hidden@b\"\n\
         webhook_secret = [\"hidden blank\"]\n[[channel]]\nid = \"c\"\nkind = \"slack\"\nurl = \"http://x/hidden\"\n"
    );
    let errors = parse(&text).expect_err("mistakes");
    assert_eq!(errors.mistakes.len(), 6, "{errors}");
    assert!(!errors.to_string().contains("hidden") && !format!("{errors:?}").contains("hidden"), "{errors}");
}

#[test]
fn one_form_of_a_secret_only() {
    let connection = |rest: &str| format!("{LEAST}[[connection]]\nid = \"c\"\nkind = \"github\"\n{rest}\n");
    one_mistake(&connection("token = \"a\"\ntoken_env = \"HOME\""), "give only one of token and token_env");
    one_mistake(
        &connection(""),
        "connection[c].token: is missing: give one of token, token_file and token_env",
    );
    one_mistake(&connection("token_env = \"NOT_SET\""), "environment variable NOT_SET is not set");
    one_mistake(&connection("token = \"\""), "token: is empty");
    one_mistake(
        &connection("token = \"a\"\nwebhook_secret = [\"a\"]\nwebhook_secret_env = [\"B\"]")
            .replace("\"B\"", ""),
        "give only one of webhook_secret, webhook_secret_file and webhook_secret_env",
    );
    one_mistake(&connection("app_id = \"1\""), "private_key_file: is missing beside app_id");
    one_mistake(
        &connection("app_id = \"1\"\nprivate_key = \"x\"\ntoken = \"t\""),
        "give either a token or app_id",
    );
    one_mistake(&connection("token = \"t\"\nflavor = \"cloud\""), "is for Jira; for GitHub Enterprise");
    let config = parse(&connection("app_id = \"1\"\nprivate_key = \"line 1\\nline 2\"")).expect("an app");
    assert!(matches!(&config.connections[0].credentials, Credentials::App { id, .. } if id == "1"));
}
