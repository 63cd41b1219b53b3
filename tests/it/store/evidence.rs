//! The evidence store.

use std::path::Path;

use poam::register::Digest;
use poam::store::{EvidenceError, EvidenceStore};

async fn behaves(store: &EvidenceStore) {
    let proof = Digest::of(b"proof");
    assert!(matches!(store.get(&proof).await, Err(EvidenceError::Missing(digest)) if digest == proof));
    assert!(matches!(store.verify(&proof).await, Err(EvidenceError::Missing(_))));
    assert!(!store.contains(&proof).await.expect("an answer"));
    assert_eq!(store.put(&b"proof"[..]).await.expect("a digest"), proof);
    assert_eq!(store.put(&b"proof"[..]).await.expect("the same digest"), proof);
    assert_eq!(store.put(Vec::new()).await.expect("a digest"), Digest::of(b""));
    assert_eq!(&store.get(&proof).await.expect("bytes")[..], b"proof");
    store.verify(&proof).await.expect("bytes as they were");
    assert!(store.contains(&proof).await.expect("an answer"));
    store.remove(&proof).await.expect("a removal");
    store.remove(&proof).await.expect("a removal of nothing");
    assert!(matches!(store.get(&proof).await, Err(EvidenceError::Missing(_))));
}

#[tokio::test]
async fn bytes_are_kept_under_their_digest() {
    behaves(&EvidenceStore::open("memory://").expect("a store")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made/when/needed");
    behaves(&EvidenceStore::open(&path.display().to_string()).expect("a store")).await;
    behaves(&EvidenceStore::open(&format!("file://{}", path.display())).expect("a store")).await;
}

fn file_of(folder: &Path, digest: &Digest) -> std::path::PathBuf {
    let text = digest.as_str();
    folder.join(&text[..2]).join(&text[2..4]).join(text)
}

#[tokio::test]
async fn bytes_that_were_changed_are_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = EvidenceStore::open(&folder.path().display().to_string()).expect("a store");
    let digest = store.put(vec![7; 3_000_000]).await.expect("a digest");
    store.verify(&digest).await.expect("bytes as they were");
    let file = file_of(folder.path(), &digest);
    let mut bytes = std::fs::read(&file).expect("the file");
    bytes[2_999_999] = 8;
    std::fs::write(&file, &bytes).expect("the file");
    let found = Digest::of(&bytes).to_string();
    for failed in [
        store.verify(&digest).await.expect_err("a change"),
        store.get(&digest).await.expect_err("a change"),
        store.put(vec![7; 3_000_000]).await.expect_err("a change"),
    ] {
        assert!(
            matches!(&failed, EvidenceError::Changed { digest: of, found: now } if *of == digest && *now == found)
        );
    }
}

#[test]
fn an_address_that_leads_nowhere_is_refused_with_the_reason() {
    let refused = |url: &str| EvidenceStore::open(url).expect_err("a refusal").to_string();
    assert!(refused("").contains("it is empty"));
    assert!(refused("ftp://somewhere").contains("give a folder"));
    #[cfg(not(feature = "s3"))]
    assert!(
        refused("s3://bucket/prefix").contains("built with `--features s3`")
            || refused("s3://b").contains("no S3")
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    let inside = file.path().join("folder").display().to_string();
    let failed = EvidenceStore::open(&inside).expect_err("a refusal");
    assert!(matches!(&failed, EvidenceError::Folder { folder, .. } if *folder == inside));
}
