//! What is known of units that are referred to: they are among the files, beside them, or in the
//! cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::try_join_all;

use super::gather::Text;
use crate::fleetctl::Context;
use crate::fleetctl::bring::source;
use crate::model::lint::{Peer, Peers, Subject};
use crate::unitfile::UnitName;

/// Finds out about every unit that one of the texts refers to.
pub async fn find(context: &Context, texts: &[Text], offline: bool) -> Peers {
    let subjects: BTreeMap<&UnitName, (&Subject, &Text)> = texts
        .iter()
        .filter_map(|text| text.unit.as_ref().ok().map(|unit| (&unit.name, (unit, text))))
        .collect();
    let mut peers = Peers::default();
    for (name, (subject, _)) in &subjects {
        peers.insert((*name).clone(), subject.peer(name));
    }
    let mut missing = BTreeSet::new();
    for (subject, text) in subjects.values() {
        for name in subject.references().into_iter().filter(|name| !subjects.contains_key(name)) {
            let template = name.template().and_then(|template| subjects.get(&template));
            let given = template.map(|(template, _)| template.peer(&name));
            match given.or_else(|| beside(text.path.as_deref()?, &name)) {
                Some(peer) => peers.insert(name, peer),
                None => drop(missing.insert(name)),
            }
        }
    }
    missing.retain(|name| !peers.knows(name));
    if !offline && let Some(found) = in_cluster(context, missing).await {
        peers.cluster_asked = true;
        found.into_iter().for_each(|(name, peer)| peers.insert(name, peer));
    }
    peers
}

/// A unit whose file, or whose template's, is in the same folder.
fn beside(path: &Path, name: &UnitName) -> Option<Peer> {
    let argument = path.with_file_name(name.as_str()).display().to_string();
    let found = match source::on_disk(&argument, name) {
        Ok(None) => source::template_on_disk(&argument, name),
        found => found,
    };
    match found {
        Ok(found) => Some(Peer::of(name, &found?.file)),
        // There is one, whatever is in it.
        Err(_) => Some(Peer::default()),
    }
}

/// Those of the units that the cluster has, or has the template of; `None` when it does not answer,
/// which is no failure: a file can be checked anywhere.
async fn in_cluster(context: &Context, names: BTreeSet<UnitName>) -> Option<Vec<(UnitName, Peer)>> {
    let ask = async |name: UnitName| {
        let mut unit = context.client.unit(&name).await?;
        if let (None, Some(template)) = (&unit, name.template()) {
            unit = context.client.unit(&template).await?;
        }
        Ok::<_, crate::api::client::ClientError>((name, unit))
    };
    let found = try_join_all(names.into_iter().map(ask)).await.ok()?;
    let peer = |(name, unit): (UnitName, Option<_>)| {
        let file = source::stored(&name, &unit?);
        let peer = file.map_or_else(|_| Peer::default(), |file| Peer::of(&name, &file));
        Some((name, peer))
    };
    Some(found.into_iter().filter_map(peer).collect())
}
