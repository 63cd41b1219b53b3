//! The evidence store: bytes under their SHA-256, in a folder, an S3 bucket, or memory (for tests).
//!
//! Bytes are written, and on disk, before the row that names them; so a crash leaves at most bytes that nothing names.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode};
use sha2::{Digest as _, Sha256};

use crate::register::Digest;

/// A failure of the evidence store.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// `evidence.url` is of no kind that this build knows.
    #[error("{url:?} is no evidence store: {reason}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder cannot be made or reached.
    #[error("the evidence folder {folder} cannot be used")]
    Folder {
        /// Its path.
        folder: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Nothing is there under this digest: it was redacted, or lost.
    #[error("no evidence with digest {0} is in the evidence store")]
    Missing(Digest),
    /// What is there under a digest is not what the digest is of.
    #[error("the evidence with digest {digest} was changed: its bytes now have digest {found}")]
    Changed {
        /// Under which it stands.
        digest: Digest,
        /// Of what is there.
        found: String,
    },
    /// The store failed.
    #[error("the evidence store failed")]
    Store(#[source] Error),
}

/// Bytes by their digest. Clones share it.
#[derive(Debug, Clone)]
pub struct EvidenceStore {
    store: Arc<dyn ObjectStore>,
}

impl EvidenceStore {
    /// Opens a folder (a path or `file://...`, made where it is not there), `memory://`, or, where this build has the
    /// feature `s3`, `s3://BUCKET/PREFIX` with credentials from the environment (`AWS_ACCESS_KEY_ID` and so on).
    pub fn open(url: &str) -> Result<Self, EvidenceError> {
        Self::open_to(url, true)
    }

    /// The same for whoever reads alone: nothing is made, and a folder that is not there holds nothing.
    pub fn open_to_read(url: &str) -> Result<Self, EvidenceError> {
        Self::open_to(url, false)
    }

    fn open_to(url: &str, write: bool) -> Result<Self, EvidenceError> {
        let bad = |reason: &str| EvidenceError::Url { url: url.to_owned(), reason: reason.to_owned() };
        match url.split_once("://") {
            None if url.is_empty() => Err(bad("it is empty")),
            None => Self::folder(Path::new(url), write),
            Some(("file", _)) => {
                let known = url::Url::parse(url).map_err(|error| bad(&error.to_string()))?;
                let folder = known.to_file_path().map_err(|()| bad("it names no folder of this machine"))?;
                Self::folder(&folder, write)
            }
            Some(("memory", _)) => Ok(Self { store: Arc::new(InMemory::new()) }),
            Some(("s3", _)) => Self::bucket(url),
            Some(_) => Err(bad("give a folder, file:///FOLDER, or s3://BUCKET/PREFIX")),
        }
    }

    fn folder(folder: &Path, write: bool) -> Result<Self, EvidenceError> {
        if !write && !folder.exists() {
            return Ok(Self { store: Arc::new(InMemory::new()) });
        }
        let failed = |source| EvidenceError::Folder { folder: folder.display().to_string(), source };
        if write {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let store = LocalFileSystem::new_with_prefix(folder).map_err(EvidenceError::Store)?;
        Ok(Self { store: Arc::new(store.with_fsync(true)) })
    }

    #[cfg(feature = "s3")]
    fn bucket(url: &str) -> Result<Self, EvidenceError> {
        let bad = |reason: String| EvidenceError::Url { url: url.to_owned(), reason };
        let known = url::Url::parse(url).map_err(|error| bad(error.to_string()))?;
        let store = object_store::aws::AmazonS3Builder::from_env()
            .with_url(url)
            .build()
            .map_err(|error| bad(error.to_string()))?;
        let prefix = known.path().trim_matches('/').to_owned();
        Ok(Self { store: Arc::new(object_store::prefix::PrefixStore::new(store, prefix)) })
    }

    #[cfg(not(feature = "s3"))]
    fn bucket(url: &str) -> Result<Self, EvidenceError> {
        let reason = "this build has no S3: build it with `--features s3`".to_owned();
        Err(EvidenceError::Url { url: url.to_owned(), reason })
    }

    /// Stores bytes and gives their digest. Bytes that are there already stay as they are.
    ///
    /// # Errors
    /// [`EvidenceError::Changed`] where other bytes stand under the digest: they are left for an assessor to see.
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<Digest, EvidenceError> {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        match self.store.put_opts(&key(&digest), bytes.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(digest),
            Err(Error::AlreadyExists { .. }) => self.verify(&digest).await.map(|()| digest),
            Err(error) => Err(EvidenceError::Store(error)),
        }
    }

    /// The bytes of a digest, hashed again on the way.
    pub async fn get(&self, digest: &Digest) -> Result<Bytes, EvidenceError> {
        let found = self.store.get(&key(digest)).await.map_err(|error| failed(digest, error))?;
        let bytes = found.bytes().await.map_err(EvidenceError::Store)?;
        let actual = Digest::of(&bytes);
        if actual == *digest { Ok(bytes) } else { Err(changed(digest, actual.to_string())) }
    }

    /// Hashes the bytes of a digest again, a part at a time.
    pub async fn verify(&self, digest: &Digest) -> Result<(), EvidenceError> {
        let found = self.store.get(&key(digest)).await.map_err(|error| failed(digest, error))?;
        let mut parts = found.into_stream();
        let mut hasher = Sha256::new();
        while let Some(part) = parts.try_next().await.map_err(EvidenceError::Store)? {
            hasher.update(&part);
        }
        let actual = hex::encode(hasher.finalize());
        if actual == digest.as_str() { Ok(()) } else { Err(changed(digest, actual)) }
    }

    /// Whether bytes are there under a digest; they are not looked at.
    pub async fn contains(&self, digest: &Digest) -> Result<bool, EvidenceError> {
        match self.store.head(&key(digest)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(EvidenceError::Store(error)),
        }
    }

    /// Every digest under which bytes are there; they are not looked at. A file that stands elsewhere is none of ours.
    pub async fn digests(&self) -> Result<BTreeSet<Digest>, EvidenceError> {
        let found = self.store.list(None).map_err(EvidenceError::Store);
        let ours = found.try_filter_map(async |object| {
            let digest = object.location.filename().and_then(|name| Digest::new(name).ok());
            Ok(digest.filter(|digest| key(digest) == object.location))
        });
        ours.try_collect().await
    }

    /// Removes bytes: after the redaction is recorded. What is not there is removed already.
    pub async fn remove(&self, digest: &Digest) -> Result<(), EvidenceError> {
        match self.store.delete(&key(digest)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(EvidenceError::Store(error)),
        }
    }
}

/// Where bytes stand: `ab/cd/abcd...`.
fn key(digest: &Digest) -> Key {
    let text = digest.as_str();
    Key::from_iter([&text[..2], &text[2..4], text])
}

fn failed(digest: &Digest, error: Error) -> EvidenceError {
    if matches!(error, Error::NotFound { .. }) {
        EvidenceError::Missing(digest.clone())
    } else {
        EvidenceError::Store(error)
    }
}

fn changed(digest: &Digest, found: String) -> EvidenceError {
    EvidenceError::Changed { digest: digest.clone(), found }
}
