//! Spreads keys over shards.

pub struct ShardMap {
    shard_key: String,
    shards: Vec<Vec<u8>>,
}

impl ShardMap {
    pub fn shard_of(&self, key: &str) -> usize {
        key.len() % self.shards.len()
    }
}
