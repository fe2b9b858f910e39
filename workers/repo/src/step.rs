//! Where a test may kill the process. Nothing at all outside the tests of this crate.

#[cfg(not(test))]
pub(crate) const fn step(_: &str) {}

#[cfg(test)]
pub(crate) use hooks::step;

#[cfg(test)]
pub(crate) mod hooks {
    use std::cell::RefCell;

    type Hook = Box<dyn FnMut(&str)>;
    thread_local!(static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) });

    pub(crate) fn step(name: &str) {
        // Taken out while it runs: what it does may pass steps of its own.
        let hook = HOOK.with(|h| h.borrow_mut().take());
        if let Some(mut hook) = hook {
            hook(name);
            HOOK.with(|h| *h.borrow_mut() = Some(hook));
        }
    }

    /// Calls `hook` at each step of this thread from now on.
    pub(crate) fn at_each_step(hook: impl FnMut(&str) + 'static) {
        HOOK.with(|h| *h.borrow_mut() = Some(Box::new(hook)));
    }
}
