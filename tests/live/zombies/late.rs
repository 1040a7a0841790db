//! A run that is stopped right before it begins a transaction on the server, and wakes up when others have rotated on: no
//! etag stands between it and the password of a login that is in use by then. That it asks for its lock does.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::json;

use crate::lane::{Lane, Running};
use crate::scene::{PAIR, SINGLE, Scene};
use crate::support::{Fault, Seen, Turn, newest, on_a_runtime};

const WITH_DEADLINE: &str = "strategy: alternate, grace: 1h, deadline: 1000h";

/// What is done, and how much of it before the run that is stopped.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Rotate,
    Back,
    Drain,
    /// Hours pass.
    Later,
}

/// Where the run is stopped.
#[derive(Clone, Copy, Debug)]
enum At {
    /// At the login that is for the n-th transaction of it that alters a role.
    Login(usize),
    /// At the n-th request of this method.
    Google(&'static str, usize),
}

struct Case {
    rotate: &'static str,
    before: &'static [Deed],
    stopped: Deed,
    at: At,
    /// What others do meanwhile, once they have done the same.
    meanwhile: &'static [Deed],
}

use Deed::{Back, Drain, Later, Rotate};

/// Others have published another credential for the login, or closed it.
const CASES: [Case; 8] = [
    Case {
        rotate: PAIR,
        before: &[],
        stopped: Rotate,
        at: At::Login(1),
        meanwhile: &[],
    },
    Case {
        rotate: SINGLE,
        before: &[],
        stopped: Rotate,
        at: At::Login(1),
        meanwhile: &[],
    },
    Case {
        rotate: WITH_DEADLINE,
        before: &[],
        stopped: Rotate,
        at: At::Login(2),
        meanwhile: &[Drain, Later, Drain, Rotate],
    },
    Case {
        rotate: PAIR,
        before: &[Rotate, Drain, Later],
        stopped: Drain,
        at: At::Login(1),
        meanwhile: &[Rotate],
    },
    Case {
        rotate: PAIR,
        before: &[Rotate],
        stopped: Back,
        at: At::Login(1),
        meanwhile: &[Drain, Later, Drain, Rotate, Drain, Later, Drain],
    },
    Case {
        rotate: PAIR,
        before: &[Rotate],
        stopped: Back,
        at: At::Google("patch", 2),
        // The first one gives the way back up, whose version is stored.
        meanwhile: &[Rotate, Drain, Later, Drain, Rotate],
    },
    // Contraction: the credential before is forgotten, its version disabled.
    Case {
        rotate: PAIR,
        before: &[Rotate, Drain, Later],
        stopped: Drain,
        at: At::Google("patch", 2),
        meanwhile: &[Rotate],
    },
    Case {
        rotate: PAIR,
        before: &[Rotate, Drain, Later],
        stopped: Drain,
        at: At::Google("disable", 1),
        meanwhile: &[Rotate],
    },
];

impl Deed {
    async fn of(self, scene: &Scene<'_>) {
        match self {
            Self::Later => {
                scene
                    .lane
                    .stage
                    .later(&scene.name, SignedDuration::from_hours(2))
                    .await
            }
            Self::Back => drop(
                scene
                    .lane
                    .stage
                    .run("rollback", &["--role", &scene.name])
                    .assert_status(0),
            ),
            Self::Rotate => drop(
                scene
                    .lane
                    .stage
                    .run("rotate", &["--now", "--accept-outage"])
                    .assert_status(0),
            ),
            Self::Drain => drop(scene.lane.stage.run("rotate", &[]).assert_status(0)),
        }
    }

    fn start(self, scene: &Scene<'_>) -> Running {
        match self {
            Self::Rotate => scene.start(&["--accept-outage"]),
            Self::Back => scene
                .lane
                .start_command("rollback", &["--role", &scene.name]),
            Self::Drain | Self::Later => scene.lane.start_command("rotate", &[]),
        }
    }
}

/// The number of the login after which a role is altered for the n-th time.
fn login(seen: &[Seen], nth: usize) -> usize {
    let alters =
        |one: &Seen| matches!(one, Seen::Statement(text) if text.starts_with("ALTER ROLE"));
    let (mut login, mut found, mut counted) = (0, Vec::new(), 0);
    for (number, one) in (1..).zip(seen) {
        if matches!(one, Seen::Login(_)) {
            login = number;
        } else if alters(one) && counted != login {
            counted = login;
            found.push(login);
        }
    }
    found[nth - 1]
}

/// LOGIN and VALID UNTIL of each login of the scene.
async fn logins(scene: &Scene<'_>) -> BTreeMap<String, (bool, Option<String>)> {
    let admin = scene.lane.stage.cluster.connect_admin("postgres").await;
    let asked = "SELECT rolname::text, rolcanlogin, nullif(rolvaliduntil, 'infinity')::text FROM pg_roles WHERE rolname LIKE $1";
    let rows = admin
        .query(asked, &[&format!("{}%", scene.name)])
        .await
        .expect("it answers");
    rows.iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2))))
        .collect()
}

impl Case {
    async fn play(&self, lane: &Lane) {
        let Self {
            rotate,
            before,
            stopped,
            at,
            meanwhile,
        } = self;
        let what = format!("{rotate}, {stopped:?} stopped at {at:?}");
        let ready = async || {
            let scene = Scene::new(lane, rotate).await;
            for deed in *before {
                deed.of(&scene).await;
            }
            scene
        };
        let scene = match at {
            At::Google(method, nth) => {
                let scene = ready().await;
                let resource = format!("projects/*/secrets/{}", scene.name);
                let rule =
                    json!({"method": method, "nth": nth, "resource": resource, "effect": "hang"});
                lane.stage.fake.fault("stop", rule);
                scene
            }
            At::Login(nth) => {
                let other = ready().await;
                lane.proxy.forget();
                stopped.of(&other).await;
                let number = login(&lane.proxy.seen(), *nth);
                let scene = ready().await;
                lane.proxy.set(Turn::Before(number), Fault::Hold);
                scene
            }
        };
        let run = stopped.start(&scene);
        lane.until(&what, || {
            lane.proxy.is_holding() || lane.stage.fake.is_holding()
        });
        run.signal("STOP");
        scene.end_sessions("true").await;
        for deed in std::iter::once(stopped).chain(*meanwhile) {
            deed.of(&scene).await;
        }
        let done = (
            scene.credential("current").await,
            logins(&scene).await,
            scene.versions().await,
        );
        lane.stage.fake.mend("stop");
        lane.proxy.release();
        run.signal("CONT");
        let run = run.end();
        assert_eq!(run.status, 0, "{what}: {}{}", run.stdout, run.stderr);
        let now = (
            scene.credential("current").await,
            logins(&scene).await,
            scene.versions().await,
        );
        assert_eq!(now, done, "{what}: it has changed something");
        scene.assert_clean(&what).await;
    }
}

async fn all(major: u32, cases: &[Case]) {
    let mut lane = Lane::new(major);
    // However long others take: it is not the time that ends the attempt to log in.
    lane.stage.rolewright = lane
        .stage
        .rolewright
        .clone()
        .env("PGCONNECT_TIMEOUT", "600");
    for case in cases {
        case.play(&lane).await;
    }
}

#[test]
fn a_run_that_lost_its_lock_alters_no_login() {
    newest(|major| on_a_runtime(all(major, &CASES[..4])));
}

#[test]
fn a_run_that_lost_its_lock_takes_nothing_back_and_closes_nothing() {
    newest(|major| on_a_runtime(all(major, &CASES[4..])));
}
