//! The log of the simulation: partitions with transactions, and the offsets of groups.

use std::collections::BTreeMap;

/// How a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    Open,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) value: u64,
    pub(super) txn: Option<usize>,
    /// Whether its transaction is taken to be committed in this partition, whatever it is.
    pub(super) overruled: Option<Stand>,
}

/// What a watcher may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Committed,
    All,
}

#[derive(Default)]
pub(super) struct Cluster {
    /// By offset; nothing where a marker or a gap is.
    pub(super) logs: BTreeMap<String, Vec<Option<Record>>>,
    pub(super) txns: Vec<Stand>,
    /// The group offsets of transactions that are open.
    pub(super) pending: BTreeMap<usize, (String, String, i64)>,
    pub(super) offsets: BTreeMap<(String, String), i64>,
    /// Who owns a transactional id, and its open transaction.
    pub(super) owners: BTreeMap<String, u32>,
    pub(super) open: BTreeMap<String, usize>,
}

impl Cluster {
    pub(super) fn append(&mut self, key: &str, value: u64, txn: Option<usize>) -> i64 {
        let log = self.logs.entry(key.to_owned()).or_default();
        log.push(Some(Record { value, txn, overruled: None }));
        log.len() as i64 - 1
    }

    pub(super) fn end(&self, key: &str) -> i64 {
        self.logs.get(key).map_or(0, |log| log.len() as i64)
    }

    pub(super) fn stand(&self, record: &Record) -> Stand {
        let own = record.txn.map_or(Stand::Committed, |txn| self.txns[txn]);
        record.overruled.unwrap_or(own)
    }

    pub(super) fn stable(&self, key: &str) -> i64 {
        let is_open = |record: &Option<Record>| {
            record.as_ref().is_some_and(|record| self.stand(record) == Stand::Open)
        };
        let open = self.logs.get(key).and_then(|log| log.iter().position(is_open));
        open.map_or(self.end(key), |at| at as i64)
    }

    /// The records from an offset on.
    pub(super) fn read(&self, key: &str, from: i64, view: View) -> Vec<(i64, u64)> {
        let end = match view {
            View::Committed => self.stable(key),
            View::All => self.end(key),
        };
        (from..end)
            .filter_map(|offset| {
                let record = self.logs[key][offset as usize]?;
                let is_shown = view == View::All || self.stand(&record) == Stand::Committed;
                is_shown.then_some((offset, record.value))
            })
            .collect()
    }

    /// Begins a transaction; one of a fenced instance gets nowhere.
    pub(super) fn begin(&mut self, id: &str, process: u32) -> usize {
        let txn = self.txns.len();
        self.txns.push(Stand::Open);
        if self.owners.get(id) == Some(&process) {
            self.open.insert(id.to_owned(), txn);
        }
        txn
    }

    /// Ends a transaction: a marker in each partition, and its group offsets.
    pub(super) fn finish(&mut self, txn: usize, stand: Stand) {
        if self.txns[txn] != Stand::Open {
            return;
        }
        self.txns[txn] = stand;
        for log in self.logs.values_mut() {
            if log.iter().flatten().any(|record| record.txn == Some(txn)) {
                log.push(None);
            }
        }
        let pending = self.pending.remove(&txn);
        if let (Some((group, key, at)), Stand::Committed) = (pending, stand) {
            self.offsets.insert((group, key), at);
        }
        self.open.retain(|_, open| *open != txn);
    }

    /// Makes an instance the owner of an id.
    pub(super) fn init(&mut self, id: &str, process: u32) {
        if let Some(open) = self.open.get(id).copied() {
            self.finish(open, Stand::Aborted);
        }
        self.owners.insert(id.to_owned(), process);
    }
}
