//! `audit verify`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::super::{Ending, Session, Usage, output};
use crate::app::App;
use crate::register::seal::Seal;
use crate::register::{Digest, SystemId};
use crate::store::{Seals, Verification};

/// Evidence read at once.
const PAGE: u32 = 1_000;

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// Hash the bytes of every proof again.
    #[arg(long)]
    evidence: bool,
    /// A seal that was kept elsewhere, or a list of them, as `audit seal --json` prints it: it shows whether the end of
    /// the history was cut. May be given several times.
    #[arg(long, value_name = "FILE")]
    seal: Vec<PathBuf>,
    /// A public key whose seals count; every key's do if none is given. May be given several times.
    #[arg(long, value_name = "HEX", value_parser = key)]
    key: Vec<String>,
}

fn key(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text)
    } else {
        Err(format!("{text:?} is no Ed25519 public key (64 hexadecimal digits)"))
    }
}

/// What a verification found.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    systems: Vec<Chain>,
    /// None where it was not asked for.
    evidence: Option<Proofs>,
}

#[derive(Debug, Serialize)]
struct Chain {
    system: SystemId,
    /// Rows that follow each other from the first on.
    rows: u64,
    /// Up to which row seals reach.
    sealed_upto: Option<u64>,
    /// Keys of those seals.
    keys: BTreeSet<String>,
    /// What the evidence store holds beside the proofs.
    #[serde(skip)]
    seals: Vec<Seal>,
    faults: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct Proofs {
    /// Digests whose bytes were hashed again.
    checked: u64,
    /// Digests whose bytes were removed, as is recorded.
    redacted: u64,
    /// Seals of the chains whose files were hashed again.
    seals: u64,
    /// Bytes that no row names: what a crash left, before the row that was to name it. None where only one system was
    /// looked at, since those of others are not known then.
    unnamed: Option<BTreeSet<Digest>>,
    faults: Vec<String>,
}

impl From<Verification> for Chain {
    fn from(found: Verification) -> Self {
        let Verification { system, rows, sealed_upto, keys, seals, faults } = found;
        Self { system, rows, sealed_upto, keys, seals, faults }
    }
}

pub(in crate::cli) async fn run(session: &Session, wanted: Verify) -> anyhow::Result<Ending> {
    let app = session.reading().await?;
    let only = session.shared.system.as_ref().map(|_| session.chain(&app)).transpose()?;
    let mut given = Vec::new();
    for file in &wanted.seal {
        given.extend(seals(file)?);
    }
    if let Some(only) = &only
        && let Some(other) = given.iter().find(|seal| seal.system != *only)
    {
        return Err(
            Usage(format!("a seal is of {}, and {only} alone is to be verified", other.system)).into()
        );
    }
    let seals = Seals { given, keys: wanted.key.into_iter().collect() };
    let bar = output::progress(0, "verifying");
    bar.set_style(indicatif::ProgressStyle::with_template("{spinner} {msg} {elapsed}")?);
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let mut read = app.world().db.read().await?;
    let found = match &only {
        Some(system) => vec![read.verify(system, &seals).await?],
        None => read.verify_all(&seals).await?,
    };
    drop(read);
    bar.finish_and_clear();
    let systems: Vec<Chain> = found.into_iter().map(Chain::from).collect();
    let evidence = if wanted.evidence { Some(proofs(&app, &systems, only.is_none()).await?) } else { None };
    let whole = systems.iter().all(|chain| chain.faults.is_empty());
    let ok = whole && evidence.as_ref().is_none_or(|proofs| proofs.faults.is_empty());
    let report = Report { ok, systems, evidence };
    if session.shared.json {
        output::json(&report)?;
    } else {
        said(&report);
    }
    Ok(if ok { Ending::Done } else { Ending::Failed })
}

/// One seal, or a list of them.
fn seals(file: &PathBuf) -> anyhow::Result<Vec<Seal>> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("the seal {shown} cannot be read"))?;
    let read = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text)
    } else {
        serde_json::from_str(&text).map(|seal| vec![seal])
    };
    read.with_context(|| format!("{shown} is no seal as `audit seal --json` prints it"))
}

/// Hashes the bytes of every proof and every seal again. `whole` says that every chain of the store is among them.
async fn proofs(app: &App, systems: &[Chain], whole: bool) -> anyhow::Result<Proofs> {
    let mut proofs = Proofs::default();
    let mut seen: BTreeSet<Digest> = BTreeSet::new();
    let bar = output::progress(0, "hashing");
    for chain in systems {
        for seal in &chain.seals {
            let digest = Digest::of(&seal.bytes());
            proofs.seals += 1;
            if let Err(error) = app.world().evidence.verify(&digest).await {
                let what = crate::sync::failure::chain(&error);
                proofs.faults.push(format!("the seal of {} up to row {}: {what}", chain.system, seal.upto));
            }
            seen.insert(digest);
        }
        let mut after = None;
        loop {
            // Nothing is open in the store while files are read.
            let page = match app.world().db.read().await?.evidence(&chain.system, after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    proofs.faults.push(format!("{}: the evidence table: {error}", chain.system));
                    break;
                }
            };
            let Some(last) = page.last() else { break };
            after = Some(last.number);
            bar.inc_length(u64::try_from(page.len()).unwrap_or(0));
            for held in &page {
                bar.inc(1);
                let Some(digest) = &held.digest else { continue };
                if !seen.insert(digest.clone()) {
                    continue;
                }
                let name = format!("{} evidence {} ({})", chain.system, held.number, held.title);
                if held.redacted.is_some() {
                    proofs.redacted += 1;
                    if app.world().evidence.contains(digest).await? {
                        proofs.faults.push(format!(
                            "{name}: its bytes were redacted, and are still there: `poam redact {digest}` removes them"
                        ));
                    }
                    continue;
                }
                proofs.checked += 1;
                if let Err(error) = app.world().evidence.verify(digest).await {
                    proofs.faults.push(format!("{name}: {}", crate::sync::failure::chain(&error)));
                }
            }
        }
    }
    bar.finish_and_clear();
    if whole {
        proofs.unnamed = Some(&app.world().evidence.digests().await? - &seen);
    }
    Ok(proofs)
}

fn said(report: &Report) {
    for chain in &report.systems {
        let sealed = match chain.sealed_upto {
            Some(upto) => format!("seals reach up to row {upto}"),
            None => "no seal holds it".to_owned(),
        };
        let name = if chain.system == SystemId::reserved() {
            "_ (tokens, people, trackers)"
        } else {
            chain.system.as_str()
        };
        if chain.faults.is_empty() {
            output::line(format!("{name}: {} rows fit, and the tables with them; {sealed}.", chain.rows));
        } else {
            output::line(format!(
                "{name}: WRONG after {} rows that follow each other; {sealed}.",
                chain.rows
            ));
        }
        for key in &chain.keys {
            output::line(format!("  sealed by the key {key}"));
        }
        for fault in &chain.faults {
            output::line(format!("  {fault}"));
        }
    }
    if let Some(proofs) = &report.evidence {
        output::line(format!(
            "Evidence: {} digests checked, {} seals, {} redacted, {} wrong.",
            proofs.checked,
            proofs.seals,
            proofs.redacted,
            proofs.faults.len()
        ));
        for fault in &proofs.faults {
            output::line(format!("  {fault}"));
        }
    }
    let unnamed = report.evidence.iter().flat_map(|proofs| proofs.unnamed.iter().flatten());
    for digest in unnamed {
        output::line(format!(
            "  {digest} is named by no row: what was being recorded when it was kept came to nothing"
        ));
    }
    output::line(if report.ok { "The history is whole." } else { "The history is NOT whole." });
}
