//! What confidences of models have proved to be worth: one map a model, for the whole fleet. They decide what may be
//! done with reviews, so they are signed.

use super::sweeps::texts;
use super::{Queue, QueueError};
use crate::keys;
use crate::rows::CalibrationRow;
use std::collections::HashMap;

impl Queue {
    /// All calibrations, in the order of their models. One that can't be read, or lacks its signature, counts as
    /// missing.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn calibrations(&self) -> Result<Vec<CalibrationRow>, QueueError> {
        let mut conn = self.conn();
        let kept: HashMap<Vec<u8>, Vec<u8>> = redis::cmd("HGETALL")
            .arg(self.at(0).key(keys::CALIBRATIONS))
            .query_async(&mut conn)
            .await?;
        let read = |(model, kept): (String, String)| {
            let json = self.opened(keys::CALIBRATIONS, &model, &kept).ok()?;
            serde_json::from_str::<CalibrationRow>(json).ok().filter(|row| row.model == model)
        };
        let mut rows: Vec<_> = texts(kept).into_iter().filter_map(read).collect();
        rows.sort_by(|a, b| a.model.cmp(&b.model));
        Ok(rows)
    }

    /// Keeps the calibrations of some models, instead of those that they had. Sent again, it writes the same.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn keep_calibrations(&self, rows: &[CalibrationRow]) -> Result<(), QueueError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut cmd = redis::cmd("HSET");
        cmd.arg(self.at(0).key(keys::CALIBRATIONS));
        for row in rows {
            let json =
                serde_json::to_string(row).map_err(|e| QueueError::record("calibration", e))?;
            let signer = &self.options().signer;
            cmd.arg(&row.model).arg(&*signer.seal(keys::CALIBRATIONS, &row.model, &json));
        }
        let mut conn = self.conn();
        cmd.query_async::<()>(&mut conn).await?;
        Ok(())
    }

    /// Forgets the calibrations of some models; how many there were.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn forget_calibrations(&self, models: &[String]) -> Result<u64, QueueError> {
        if models.is_empty() {
            return Ok(0);
        }
        let mut conn = self.conn();
        let mut cmd = redis::cmd("HDEL");
        cmd.arg(self.at(0).key(keys::CALIBRATIONS)).arg(models);
        Ok(cmd.query_async(&mut conn).await?)
    }
}
