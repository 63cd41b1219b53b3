//! What verifying finds when somebody with the database, and not the program, has been at it.

use std::collections::BTreeSet;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use poam::register::SystemId;
use poam::register::seal::{Seal, sign};
use poam::store::{Scope, Seals, Verification};

use super::sample::{acme, at, item_added, record, story, tell};
use super::world::{World, on_both};

async fn verified(world: &World, seals: &Seals) -> Verification {
    let mut tx = world.db.read().await.expect("a transaction");
    let all = tx.verify_all(seals).await.expect("a verification");
    for found in &all {
        assert!(found.system == acme() || found.faults.is_empty(), "{found:?}");
    }
    all.into_iter().find(|found| found.system == acme()).expect("the chain")
}

/// Does something to the story's tables and gives the first fault found.
async fn fault_after(world: &World, statements: &[&str]) -> String {
    // Two transactions, so that not every row has the same time.
    let (first, second) = (&story()[..8], &story()[8..]);
    record(&world.db, &acme(), Scope::All, at(0), first).await.expect("changes");
    record(&world.db, &acme(), Scope::All, at(1), second).await.expect("changes");
    assert_eq!(verified(world, &Seals::default()).await.faults, Vec::<String>::new());
    for statement in statements {
        world.tamper(statement).await;
    }
    let found = verified(world, &Seals::default()).await;
    found.faults.first().cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_changed_row_is_named() {
    let columns = [
        ("actor", "'person:Mallory'", "row 9 of ACME was changed"),
        ("cause", "'schedule'", "row 9 of ACME was changed"),
        ("subject", "'V-2'", "row 9 of ACME was changed"),
        ("body", "REPLACE(body, 'in_progress', 'closed')", "row 9 of ACME was changed"),
        ("previous", "hash", "row 9 of ACME was changed"),
        ("hash", "previous", "row 9 of ACME was changed"),
    ];
    for (column, value, wanted) in columns {
        on_both(async |world: Arc<World>| {
            let sql = format!("UPDATE journal SET {column} = {value} WHERE system = 'ACME' AND number = 9");
            let fault = fault_after(&world, &[&sql]).await;
            assert!(fault.contains(wanted), "{column}: {fault}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_row_with_another_time_is_named() {
    on_both(async |world: Arc<World>| {
        let sql = "UPDATE journal SET at = (SELECT at FROM journal WHERE system = 'ACME' AND number = 8) \
             WHERE system = 'ACME' AND number = 9";
        let fault = fault_after(&world, &[sql]).await;
        assert!(fault.contains("row 9 of ACME was changed"), "{fault}");
    })
    .await;
}

#[tokio::test]
async fn a_row_that_was_changed_with_its_hash_breaks_the_next() {
    on_both(async |world: Arc<World>| {
        tell(&world.db).await;
        let mut tx = world.db.read().await.expect("a transaction");
        let mut entry = tx.entries(&acme(), 9, 1).await.expect("rows").remove(0);
        drop(tx);
        entry.actor = "person:Mallory".to_owned();
        let hash = entry.digest();
        world
            .tamper(&format!(
                "UPDATE journal SET actor = 'person:Mallory', hash = '{hash}' WHERE system = 'ACME' AND number = 9"
            ))
            .await;
        let found = verified(&world, &Seals::default()).await;
        assert_eq!(found.rows, 9);
        assert!(found.faults[0].contains("row 10 of ACME does not follow"), "{:?}", found.faults);
    })
    .await;
}

#[tokio::test]
async fn a_removed_row_is_named() {
    on_both(async |world: Arc<World>| {
        let fault = fault_after(&world, &["DELETE FROM journal WHERE system = 'ACME' AND number = 5"]).await;
        assert!(fault.contains("row 6 of ACME stands where row 5 should"), "{fault}");
    })
    .await;
    on_both(async |world: Arc<World>| {
        let last = story().len();
        let sql = format!("DELETE FROM journal WHERE system = 'ACME' AND number = {last}");
        let fault = fault_after(&world, &[&sql]).await;
        assert!(fault.contains(&format!("ends at row {}, yet its head", last - 1)), "{fault}");
    })
    .await;
}

#[tokio::test]
async fn swapped_rows_are_named() {
    on_both(async |world: Arc<World>| {
        let fault = fault_after(
            &world,
            &[
                "UPDATE journal SET number = -1 WHERE system = 'ACME' AND number = 4",
                "UPDATE journal SET number = 4 WHERE system = 'ACME' AND number = 5",
                "UPDATE journal SET number = 5 WHERE system = 'ACME' AND number = -1",
            ],
        )
        .await;
        assert!(fault.contains("row 4 of ACME was changed"), "{fault}");
    })
    .await;
}

#[tokio::test]
async fn a_row_before_the_first_and_a_row_that_cannot_be_read_are_named() {
    on_both(async |world: Arc<World>| {
        let fault =
            fault_after(&world, &["UPDATE journal SET number = 0 WHERE system = 'ACME' AND number = 1"])
                .await;
        assert!(fault.contains("row 0 of ACME stands where row 1 should"), "{fault}");
    })
    .await;
    on_both(async |world: Arc<World>| {
        let fault =
            fault_after(&world, &["UPDATE journal SET number = -7 WHERE system = 'ACME' AND number = 1"])
                .await;
        assert!(fault.contains("row -7 of table `journal` cannot be read"), "{fault}");
    })
    .await;
}

#[tokio::test]
async fn a_changed_head_is_named() {
    on_both(async |world: Arc<World>| {
        let sql = "UPDATE chain SET hash = 'f' WHERE system = 'ACME'";
        let fault = fault_after(&world, &[sql]).await;
        assert!(fault.contains("the head of ACME in `chain` is not row"), "{fault}");
    })
    .await;
    on_both(async |world: Arc<World>| {
        let fault = fault_after(&world, &["DELETE FROM chain WHERE system = 'ACME'"]).await;
        assert!(fault.contains("yet its head in `chain` is row 0"), "{fault}");
    })
    .await;
}

#[tokio::test]
async fn a_changed_table_is_named_by_row_and_column() {
    let cases = [
        (
            "UPDATE item SET status = 'closed' WHERE number = 'V-1'",
            "table `item`: row V-1, column `status`: it holds \"closed\"",
        ),
        (
            "UPDATE item SET texts = REPLACE(CAST(texts AS TEXT), '40 h', '41 h')#J WHERE number = 'V-1'",
            "table `item`: row V-1, column `texts`",
        ),
        ("DELETE FROM item WHERE number = 'AC-77'", "table `item`: row AC-77 is missing"),
        (
            "UPDATE milestone SET original_due = due WHERE number = 1",
            "table `milestone`: row 1, column `original_due`: it holds \"2026-11-15\", the journal gives \"2026-10-31\"",
        ),
        (
            "UPDATE milestone SET original_text = 'other' WHERE number = 2",
            "table `milestone`: row 2, column `original_text`",
        ),
        (
            "UPDATE serves SET item = 'AC-77' WHERE milestone = 3",
            "table `serves`: row M-3 and AC-77 is in no journal",
        ),
        (
            "UPDATE serves SET former = NOT former WHERE milestone = 2 AND item = 'V-2'",
            "table `serves`: row M-2 and V-2, column `former`",
        ),
        (
            "UPDATE move SET state = 'approved' WHERE milestone = 2",
            "table `move`: row 1 of M-2, column `state`",
        ),
        ("DELETE FROM move WHERE milestone = 1 AND number = 2", "table `move`: row 2 of M-1 is missing"),
        ("UPDATE evidence SET digest = NULL WHERE number = 1", "table `evidence`: row 1, column `digest`"),
        ("UPDATE drift SET settled = NULL WHERE number = 1", "table `drift`: row 1, column `settled`"),
        ("DELETE FROM drift WHERE number = 2", "table `drift`: row 2 is missing"),
        ("UPDATE conflict SET theirs = 'x' WHERE number = 1", "table `conflict`: row 1, column `theirs`"),
        ("UPDATE notice SET body = 'x' WHERE number = 1", "table `notice`: row 1, column `body`"),
        ("UPDATE import SET row_count = 3", "table `import`: row"),
        ("UPDATE system SET last_item = 9 WHERE id = 'ACME'", "table `system`: row ACME, column `last_item`"),
        (
            "UPDATE counter SET value = value + 1 WHERE name = 'item.closed'",
            "table `counter`: row item.closed, column `value`: it holds 3, the journal gives 2",
        ),
        (
            "DELETE FROM counter WHERE name = 'drift.incomplete'",
            "table `counter`: row drift.incomplete is missing",
        ),
    ];
    for (statement, wanted) in cases {
        on_both(async |world: Arc<World>| {
            let postgres = world.url.starts_with("postgres");
            let fault =
                fault_after(&world, &[&statement.replace("#J", if postgres { "::JSONB" } else { "" })]).await;
            assert!(fault.contains(wanted), "{statement}: {fault}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_row_of_a_table_that_cannot_be_read_is_named() {
    on_both(async |world: Arc<World>| {
        let fault = fault_after(&world, &["UPDATE item SET texts = '{}' WHERE number = 'V-1'"]).await;
        assert!(fault.contains("table `item`: row V-1 cannot be read"), "{fault}");
        let mut tx = world.db.read().await.expect("a transaction");
        let failed = tx.load(&acme(), Scope::All).await.expect_err("a row that cannot be read");
        assert!(failed.to_string().contains("row V-1 of table `item` cannot be read"), "{failed}");
    })
    .await;
}

#[tokio::test]
async fn the_reserved_chain_is_compared_too() {
    for (statement, wanted) in [
        ("UPDATE person SET jira = 'x'", "table `person`: row Ann Ode, column `jira`"),
        ("UPDATE token SET revoked = NULL", "table `token`: row old, column `revoked`"),
        ("DELETE FROM halted", "table `halted`: row ops is missing"),
    ] {
        on_both(async |world: Arc<World>| {
            tell(&world.db).await;
            world.tamper(statement).await;
            let mut tx = world.db.read().await.expect("a transaction");
            let found = tx.verify(&SystemId::reserved(), &Seals::default()).await.expect("a verification");
            assert!(found.faults[0].contains(wanted), "{:?}", found.faults);
        })
        .await;
    }
}

#[tokio::test]
async fn rows_of_a_system_without_a_chain_are_found() {
    on_both(async |world: Arc<World>| {
        tell(&world.db).await;
        world.tamper("UPDATE item SET system = 'GHOST' WHERE number = 'AC-77'").await;
        let mut tx = world.db.read().await.expect("a transaction");
        let all = tx.verify_all(&Seals::default()).await.expect("a verification");
        let ghost = all.iter().find(|found| found.system.as_str() == "GHOST").expect("the system");
        assert!(ghost.faults[0].contains("row AC-77 is in no journal"), "{:?}", ghost.faults);
    })
    .await;
}

/// Seals the chain as it is, and gives the seal.
async fn seal(world: &World, key: &SigningKey) -> Seal {
    let mut tx = world.db.read().await.expect("a transaction");
    sign(&acme(), &tx.head(&acme()).await.expect("a head"), key).expect("a seal")
}

#[tokio::test]
async fn a_tail_cut_after_a_seal_is_found_by_the_seal_alone() {
    on_both(async |world: Arc<World>| {
        let key = SigningKey::from_bytes(&[7; 32]);
        record(&world.db, &acme(), Scope::System, at(0), &[item_added(1)]).await.expect("a change");
        let before = seal(&world, &key).await;
        record(&world.db, &acme(), Scope::System, at(1), &[item_added(2)]).await.expect("a change");
        let after = seal(&world, &key).await;
        let given = |given: &[&Seal]| Seals {
            given: given.iter().copied().cloned().collect(),
            keys: BTreeSet::new(),
        };
        let found = verified(&world, &given(&[&after, &before])).await;
        assert_eq!((found.sealed_upto, found.faults), (Some(2), Vec::new()));
        // Whoever cuts the tail also sets back the head and every table.
        for statement in [
            "DELETE FROM journal WHERE system = 'ACME' AND number = 2",
            "UPDATE chain SET number = 1, hash = (SELECT hash FROM journal WHERE system = 'ACME'), \
             at = (SELECT at FROM journal WHERE system = 'ACME') WHERE system = 'ACME'",
            "DELETE FROM item WHERE number = 'V-2'",
            "UPDATE system SET items = 1, last_item = 1",
            "UPDATE counter SET value = 1",
        ] {
            world.tamper(statement).await;
        }
        let found = verified(&world, &given(&[&before])).await;
        assert_eq!((found.sealed_upto, found.faults), (Some(1), Vec::new()));
        let found = verified(&world, &given(&[&before, &after])).await;
        assert_eq!(found.sealed_upto, Some(1));
        assert!(
            found.faults[0].contains("ends at row 1, yet a seal covers row 2: its tail was cut"),
            "{:?}",
            found.faults
        );
        // And a chain that was written anew from there does not fit either.
        record(&world.db, &acme(), Scope::System, at(1), &[item_added(3)]).await.expect("a change");
        let found = verified(&world, &given(&[&before, &after])).await;
        assert!(
            found.faults[0].contains("row 2 of ACME is not the one that was sealed"),
            "{:?}",
            found.faults
        );
    })
    .await;
}

#[tokio::test]
async fn seals_in_the_chain_are_checked() {
    on_both(async |world: Arc<World>| {
        let key = SigningKey::from_bytes(&[7; 32]);
        record(&world.db, &acme(), Scope::System, at(0), &[item_added(1)]).await.expect("a change");
        let first = seal(&world, &key).await;
        record(&world.db, &acme(), Scope::System, at(1), &[item_added(2), first.change()])
            .await
            .expect("changes");
        let found = verified(&world, &Seals::default()).await;
        assert_eq!((found.sealed_upto, found.faults), (Some(1), Vec::new()));
        assert_eq!(found.keys, BTreeSet::from([hex::encode(key.verifying_key().as_bytes())]));

        let trusted = |key: &SigningKey| Seals {
            given: Vec::new(),
            keys: BTreeSet::from([hex::encode(key.verifying_key().as_bytes())]),
        };
        assert_eq!(verified(&world, &trusted(&key)).await.sealed_upto, Some(1));
        let found = verified(&world, &trusted(&SigningKey::from_bytes(&[8; 32]))).await;
        assert_eq!(found.sealed_upto, None);
        assert!(found.faults[0].contains("by a key that is not trusted"), "{:?}", found.faults);

        // A signature of another row, and a row other than the sealed one.
        let wrong = Seal { upto: 2, ..first.clone() };
        record(&world.db, &acme(), Scope::System, at(2), &[wrong.change()]).await.expect("a change");
        let found = verified(&world, &Seals::default()).await;
        assert!(
            found.faults[0].contains("row 4 of ACME: it seals row 2, which is not"),
            "{:?}",
            found.faults
        );
        let ahead = Seal { upto: 50, ..first };
        record(&world.db, &acme(), Scope::System, at(2), &[ahead.change()]).await.expect("a change");
        let found = verified(&world, &Seals::default()).await;
        assert!(
            found.faults[1].contains("row 5 of ACME: it seals row 50, which is not"),
            "{:?}",
            found.faults
        );
    })
    .await;
}

#[tokio::test]
async fn a_seal_with_a_forged_signature_is_refused() {
    on_both(async |world: Arc<World>| {
        record(&world.db, &acme(), Scope::System, at(0), &[item_added(1)]).await.expect("a change");
        let mut forged = seal(&world, &SigningKey::from_bytes(&[7; 32])).await;
        forged.key = hex::encode(SigningKey::from_bytes(&[8; 32]).verifying_key().as_bytes());
        let seals = Seals { given: vec![forged], keys: BTreeSet::new() };
        let found = verified(&world, &seals).await;
        assert_eq!(found.sealed_upto, None);
        assert!(found.faults[0].contains("the signature of the seal up to row 1"), "{:?}", found.faults);
    })
    .await;
}
