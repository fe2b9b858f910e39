//! What a process keeps of what it can read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A small keyed memory; emptied when full, since what it holds can be read again.
#[derive(Debug)]
pub(crate) struct Memo<T> {
    map: Mutex<HashMap<String, Arc<T>>>,
    limit: usize,
}

impl<T> Memo<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { map: Mutex::new(HashMap::new()), limit }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Arc<T>> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// What is there, or what `make` gives.
    pub(crate) fn get_or_put(&self, key: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= self.limit && !map.contains_key(key) {
            map.clear();
        }
        map.entry(key.to_owned()).or_insert_with(|| Arc::new(make())).clone()
    }

    pub(crate) fn put(&self, key: &str, value: T) -> Arc<T> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= self.limit {
            map.clear();
        }
        let value = Arc::new(value);
        map.insert(key.to_owned(), value.clone());
        value
    }
}
