//! What many tasks ask at the same time, asked in one call: while one call is under way, what comes meanwhile gathers
//! and goes with the next. A single question waits for nobody.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

type Waiting<Q, A> = Vec<(Q, oneshot::Sender<A>)>;

/// Questions of one kind to one partition.
#[derive(Debug)]
pub(super) struct Together<Q, A> {
    waiting: Mutex<Waiting<Q, A>>,
    turn: tokio::sync::Mutex<()>,
}

impl<Q, A> Default for Together<Q, A> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}

impl<Q, A> Together<Q, A> {
    /// Asks. Whoever's turn it is asks `all` that wait, which gives as many answers in their order. `None`: that task was
    /// dropped meanwhile, and it is not known whether the question was asked.
    pub(super) async fn ask<F, Fut>(&self, question: Q, all: F) -> Option<A>
    where
        F: FnOnce(Vec<Q>) -> Fut,
        Fut: Future<Output = Vec<A>>,
    {
        let (reply, mut answer) = oneshot::channel();
        self.with(|waiting| waiting.push((question, reply)));
        let turn = tokio::select! {
            biased;
            answer = &mut answer => return answer.ok(),
            turn = self.turn.lock() => turn,
        };
        let mut asked = self.with(std::mem::take);
        asked.retain(|(_, reply)| !reply.is_closed());
        if !asked.is_empty() {
            let (questions, replies): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            for (reply, answer) in replies.into_iter().zip(all(questions).await) {
                let _ = reply.send(answer);
            }
        }
        drop(turn);
        answer.await.ok()
    }

    fn with<T>(&self, f: impl FnOnce(&mut Waiting<Q, A>) -> T) -> T {
        // Each change of the list is one step, which a panic can't cut in two.
        f(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    /// One call holds the turn; what comes meanwhile goes in one more.
    #[tokio::test]
    async fn what_comes_during_a_call_goes_together_with_the_next() {
        let together = Arc::new(Together::<u32, (u32, usize)>::default());
        let gate = Arc::new(Semaphore::new(0));
        let ask = |n: u32| {
            let (together, gate) = (together.clone(), gate.clone());
            tokio::spawn(async move {
                let all = |asked: Vec<u32>| async move {
                    gate.acquire().await.unwrap().forget();
                    asked.iter().map(|n| (*n, asked.len())).collect()
                };
                together.ask(n, all).await
            })
        };
        let first = ask(0);
        until(|| together.turn.try_lock().is_err()).await;
        let dropped = ask(1);
        until(|| together.with(|w| w.len()) == 1).await;
        dropped.abort();
        let _ = dropped.await;
        let later: Vec<_> = (2..5).map(ask).collect();
        until(|| together.with(|w| w.len()) == 4).await;
        gate.add_permits(2);
        assert_eq!(first.await.unwrap(), Some((0, 1)));
        for (n, answer) in (2..).zip(later) {
            assert_eq!(
                answer.await.unwrap(),
                Some((n, 3)),
                "with the two others, without the dropped one"
            );
        }
        assert_eq!(gate.available_permits(), 0, "two calls");
    }

    #[tokio::test]
    async fn who_asked_for_others_may_be_dropped() {
        let together = Arc::new(Together::<u32, u32>::default());
        let asks = together.clone();
        let never = tokio::spawn(async move { asks.ask(1, |_| std::future::pending()).await });
        until(|| together.turn.try_lock().is_err()).await;
        let asks = together.clone();
        let next = tokio::spawn(async move { asks.ask(2, |all| async move { all }).await });
        until(|| together.with(|w| w.len()) == 1).await;
        never.abort();
        assert_eq!(next.await.unwrap(), Some(2));
    }

    async fn until(is: impl Fn() -> bool) {
        while !is() {
            tokio::task::yield_now().await;
        }
    }
}
