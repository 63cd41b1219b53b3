//! Seals: signatures over the head of a chain, made with a key that this host's store does not hold, and kept where
//! this host cannot rewrite them. Who rewrites or cuts a chain cannot make its seals fit again.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::journal::Head;
use super::{Change, Digest, SystemId};

/// A seal, as its file holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Chain.
    pub system: SystemId,
    /// Number of the last row covered.
    pub upto: u64,
    /// Its hash, and by that of all before it.
    pub hash: Digest,
    /// Public key: 64 hexadecimal digits.
    pub key: String,
    /// Ed25519 signature: 128 hexadecimal digits.
    pub signature: String,
}

/// What is wrong with a seal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// There is nothing to seal.
    #[error("the chain of {0} has no row yet: there is nothing to seal")]
    Empty(SystemId),
    /// The key is none.
    #[error("the seal's key is no Ed25519 public key in hexadecimal")]
    Key,
    /// The signature does not fit.
    #[error("the signature of the seal up to row {upto} of {system} is not that of its key")]
    Signature {
        /// Chain.
        system: SystemId,
        /// Row.
        upto: u64,
    },
}

/// Seals a chain up to its head.
pub fn sign(system: &SystemId, head: &Head, key: &SigningKey) -> Result<Seal, SealFault> {
    let hash = Digest::new(&head.hash).map_err(|_| SealFault::Empty(system.clone()))?;
    if head.number == 0 {
        return Err(SealFault::Empty(system.clone()));
    }
    let signature = key.sign(message(system, head.number, &hash).as_bytes());
    Ok(Seal {
        system: system.clone(),
        upto: head.number,
        hash,
        key: hex::encode(key.verifying_key().as_bytes()),
        signature: hex::encode(signature.to_bytes()),
    })
}

impl Seal {
    /// Checks the signature; whether the chain still has the row is for whoever reads the chain.
    pub fn check(&self) -> Result<(), SealFault> {
        let wrong = || SealFault::Signature { system: self.system.clone(), upto: self.upto };
        let mut key = [0; 32];
        hex::decode_to_slice(&self.key, &mut key).map_err(|_| SealFault::Key)?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| SealFault::Key)?;
        let mut signature = [0; 64];
        hex::decode_to_slice(&self.signature, &mut signature).map_err(|_| wrong())?;
        let message = message(&self.system, self.upto, &self.hash);
        key.verify_strict(message.as_bytes(), &Signature::from_bytes(&signature)).map_err(|_| wrong())
    }

    /// Its file: what is kept where this host cannot rewrite it. The same seal has the same bytes.
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// The change that records it in the chain.
    pub fn change(&self) -> Change {
        Change::JournalSealed {
            upto: self.upto,
            hash: self.hash.clone(),
            key: self.key.clone(),
            signature: self.signature.clone(),
        }
    }
}

/// What is signed: lines that say what it is, which chain, which row, and its hash.
fn message(system: &SystemId, upto: u64, hash: &Digest) -> String {
    format!("poam journal seal 1\n{system}\n{upto}\n{hash}\n")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used)]

    use super::*;

    fn sealed() -> Seal {
        let system = SystemId::new("ACME").expect("an id");
        let head = Head { number: 7, hash: Digest::of(b"row").to_string(), at: None };
        sign(&system, &head, &SigningKey::from_bytes(&[7; 32])).expect("a seal")
    }

    #[test]
    fn a_seal_fits_what_it_seals_and_nothing_else() {
        let seal = sealed();
        assert_eq!(seal.check(), Ok(()));
        let other = Seal { upto: 8, ..seal.clone() };
        assert!(matches!(other.check(), Err(SealFault::Signature { upto: 8, .. })));
        let other = Seal { hash: Digest::of(b"another"), ..seal.clone() };
        assert!(matches!(other.check(), Err(SealFault::Signature { .. })));
        let other = Seal { system: SystemId::new("ABLE").expect("an id"), ..seal.clone() };
        assert!(matches!(other.check(), Err(SealFault::Signature { .. })));
        let foreign = SigningKey::from_bytes(&[8; 32]).verifying_key();
        let other = Seal { key: hex::encode(foreign.as_bytes()), ..seal.clone() };
        assert!(matches!(other.check(), Err(SealFault::Signature { .. })));
        assert_eq!(Seal { key: "7".to_owned(), ..seal.clone() }.check(), Err(SealFault::Key));
        let cut = Seal { signature: "00".to_owned(), ..seal };
        assert!(matches!(cut.check(), Err(SealFault::Signature { .. })));
    }

    #[test]
    fn a_chain_without_rows_is_not_sealed() {
        let system = SystemId::new("ACME").expect("an id");
        let seal = sign(&system, &Head::empty(), &SigningKey::from_bytes(&[7; 32]));
        assert_eq!(seal, Err(SealFault::Empty(system)));
    }

    #[test]
    fn a_seal_file_reads_back() {
        let seal = sealed();
        let text = serde_json::to_string(&seal).expect("JSON");
        assert_eq!(serde_json::from_str::<Seal>(&text).expect("a seal"), seal);
    }
}
