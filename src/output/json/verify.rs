//! The verdict, and what each login has shown.

use serde::Serialize;

use super::{check, document};
use crate::model::InstanceName;
use crate::output::{Verification, VerifiedInstance};
use crate::plan::Proven;

#[derive(Serialize)]
struct Document<'a, V> {
    #[serde(flatten)]
    verdict: V,
    proofs: Vec<ProofEntry<'a>>,
}

#[derive(Serialize)]
struct ProofEntry<'a> {
    instance: Option<&'a InstanceName>,
    #[serde(flatten)]
    proven: &'a Proven,
}

/// The document of `check`, with the key `proofs` beside its keys.
pub(in crate::output) fn verify(verification: &Verification) -> String {
    let mut proofs = Vec::new();
    for VerifiedInstance { verdict, proven } in &verification.instances {
        proofs.extend(proven.iter().map(|proven| ProofEntry {
            instance: verdict.instance.as_ref(),
            proven,
        }));
    }
    document(&Document {
        verdict: check::entries(&verification.verdict()),
        proofs,
    })
}
