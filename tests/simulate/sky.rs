//! The weather of one machine: what of its network, and of itself, works now. Dice for how long things take and what
//! gets lost.

use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;

/// What works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sky {
    /// What it asks does not arrive.
    pub mute: bool,
    /// What it is answered does not arrive.
    pub deaf: bool,
    /// Everything takes a hundred times as long.
    pub slow: bool,
    /// The machine is stopped in its tracks: it does nothing until it goes on.
    pub paused: bool,
}

impl Sky {
    pub const CUT: Sky = Sky { mute: true, deaf: true, slow: false, paused: false };
    pub const MUTE: Sky = Sky { mute: true, deaf: false, slow: false, paused: false };
    pub const DEAF: Sky = Sky { mute: false, deaf: true, slow: false, paused: false };
    pub const SLOW: Sky = Sky { mute: false, deaf: false, slow: true, paused: false };
    pub const PAUSED: Sky = Sky { mute: false, deaf: false, slow: false, paused: true };
}

/// The weather over one machine, and the dice.
#[derive(Debug)]
pub struct Weather {
    sky: Mutex<Sky>,
    /// Wakes who waits in their order, as tokio's `watch` does not: it throws dice of its own.
    changed: Notify,
    dice: Mutex<fastrand::Rng>,
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy)]
pub struct Fate {
    pub there: Duration,
    pub back: Duration,
    /// It is lost on the way there, so that nothing happens.
    pub lost: bool,
    /// It takes effect, and nobody hears of it.
    pub unheard: bool,
}

impl Weather {
    pub fn new(seed: u64) -> Weather {
        Weather {
            sky: Mutex::default(),
            changed: Notify::new(),
            dice: Mutex::new(fastrand::Rng::with_seed(seed)),
        }
    }

    pub fn set(&self, sky: Sky) {
        *self.sky.lock().unwrap() = sky;
        self.changed.notify_waiters();
    }

    pub fn sky(&self) -> Sky {
        *self.sky.lock().unwrap()
    }

    /// Returns while the machine is not paused.
    pub async fn awake(&self) {
        self.until(|sky| !sky.paused).await;
    }

    pub async fn until(&self, holds: impl Fn(&Sky) -> bool) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if holds(&self.sky()) {
                return;
            }
            changed.await;
        }
    }

    /// Whether something happens that does so in so many of a thousand cases.
    pub fn happens(&self, per_mille: u32) -> bool {
        self.dice.lock().unwrap().u32(0..1000) < per_mille
    }

    /// Anything up to this.
    pub fn up_to(&self, max: Duration) -> Duration {
        max.mul_f64(self.dice.lock().unwrap().f64())
    }

    pub fn fate(&self) -> Fate {
        let sky = self.sky();
        let pace = if sky.slow { 100 } else { 1 };
        let trip = || self.up_to(Duration::from_millis(5)) * pace;
        Fate {
            there: trip(),
            back: trip(),
            lost: sky.mute || self.happens(10),
            unheard: sky.deaf || self.happens(10),
        }
    }
}
