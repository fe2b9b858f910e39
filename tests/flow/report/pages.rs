//! Whoever goes on from a cursor misses nothing and sees nothing twice, whatever was done meanwhile and
//! however many partitions there are.

use crate::filled::{Fate, Filled};
use queue_schema::client::{DeadFilter, Queue};
use queue_schema::ids::SweepId;
use queue_schema::rows::ReviewRow;
use queue_schema::sweep::TargetStatus;
use scrum_config::{LoadOptions, Settings};
use scrum_knowledge::letters::{LETTERS, letter};
use scrum_knowledge::{Error, Letters, PAGE, Sweep, sweeps};
use scrum_tests::redis::RedisServer;
use std::collections::BTreeSet;

const SWEEPS: u8 = 3;
/// Files of a sweep: more than a page.
const FILES: u32 = 600;
const PARTITIONS: u16 = 4;

fn fate(target: u32) -> Fate {
    match target % 3 {
        0 => Fate::Dead,
        1 => Fate::Clean,
        _ => Fate::Telling,
    }
}

async fn filled(server: &RedisServer) -> (Queue, Vec<SweepId>) {
    let mut settings = Settings::load(LoadOptions::default()).unwrap();
    settings.redis.partitions = PARTITIONS;
    let queue = Queue::connect(settings.queue_options(&server.url())).await.unwrap();
    let mut ids = Vec::new();
    for number in 1..=SWEEPS {
        ids.push(Filled { number, targets: FILES, fate }.write(&queue).await);
    }
    (queue, ids)
}

#[tokio::test]
async fn letters_come_latest_first_and_each_once_while_others_are_thrown_away() {
    let server = RedisServer::with_fsync("no");
    let (queue, ids) = filled(&server).await;
    let dead = FILES as usize / 3 * usize::from(SWEEPS);
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        // A reader of its own each time, as requests to a server are.
        let mut letters = Letters::new(&queue, DeadFilter::default());
        if let Some(cursor) = &cursor {
            letters = letters.from(cursor).unwrap();
        }
        let page = letters.next_page().await.unwrap();
        assert!(page.len() <= LETTERS, "{}", page.len());
        for letter in &page {
            assert!(letter.path().starts_with("src/dead_"), "{}", letter.path());
            assert!(queue.discard(&letter.dead.id).await.unwrap());
        }
        seen.extend(page.into_iter().map(|letter| (letter.dead.last_ms, letter.dead.id)));
        cursor = letters.cursor();
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), dead);
    assert!(seen.is_sorted_by(|a, b| a > b), "latest first, and none twice");
    let gone = letter(&queue, &seen[0].1).await.unwrap_err();
    assert!(matches!(&gone, Error::NoLetter(id) if *id == seen[0].1), "{gone}");

    // By their ids and the beginnings of them, sweeps are found in all partitions.
    for id in &ids {
        assert_eq!(sweeps::find(&queue, &id[..12]).await.unwrap(), *id);
    }
    assert_eq!(sweeps::find(&queue, "latest").await.unwrap(), ids[2]);
    let many = sweeps::find(&queue, "").await.unwrap_err();
    assert!(matches!(many, Error::Ambiguous { fits: 3, .. }), "{many}");
    let none = sweeps::find(&queue, "no such").await.unwrap_err();
    assert!(matches!(none, Error::Unknown(_)), "{none}");
}

#[tokio::test]
async fn letters_are_chosen_by_sweep_path_and_number() {
    let server = RedisServer::with_fsync("no");
    let (queue, ids) = filled(&server).await;
    let of = |sweep: Option<&SweepId>, limit| {
        Letters::new(&queue, DeadFilter { sweep: sweep.cloned(), limit, ..DeadFilter::default() })
    };
    let count = async |mut letters: Letters| {
        let mut n = 0;
        loop {
            match letters.next_page().await.unwrap().len() {
                0 => return n,
                more => n += more,
            }
        }
    };
    assert_eq!(count(of(Some(&ids[1]), 0)).await, FILES as usize / 3);
    assert_eq!(count(of(Some(&ids[1]), 7)).await, 7);
    assert_eq!(count(of(None, LETTERS + 1)).await, LETTERS + 1);
    let ends_in_9 = |path: &str| path.ends_with("9.rs");
    assert_eq!(count(of(Some(&ids[0]), 0).on_paths(ends_in_9)).await, FILES as usize / 30);
    assert_eq!(count(of(Some(&ids[0]), 3).on_paths(ends_in_9)).await, 3);
}

#[tokio::test]
async fn files_rows_and_findings_go_on_from_a_cursor() {
    let server = RedisServer::with_fsync("no");
    let (queue, ids) = filled(&server).await;
    let sweep = Sweep::open(&queue, &ids[0]).await.unwrap();

    let (mut paths, mut cursor) = (Vec::new(), Some("0".to_owned()));
    while let Some(at) = cursor {
        let mut files = sweep.files(&TargetStatus::ALL).from(&at).unwrap();
        let page = files.next_page().await.unwrap();
        assert!(!page.is_empty() && page.len() <= PAGE);
        paths.extend(page.into_iter().map(|file| file.target.path));
        cursor = files.cursor();
    }
    assert_eq!(paths.len(), FILES as usize);
    assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), FILES as usize, "each once");

    let mut rows = sweep.rows::<ReviewRow>();
    let first = rows.next_page().await.unwrap();
    let mut rest = sweep.rows::<ReviewRow>().from(&rows.cursor().unwrap()).unwrap();
    let second = rest.next_page().await.unwrap();
    assert_eq!((first.len(), second.len()), (PAGE, FILES as usize * 2 / 3 - PAGE));
    assert_eq!(rest.cursor(), None);

    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let findings = sweep.findings();
        let mut findings = match &cursor {
            Some(at) => findings.from(at).unwrap(),
            None => findings,
        };
        found.extend(findings.next_page().await.unwrap());
        cursor = findings.cursor();
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), FILES as usize / 3);
    assert!(found.iter().all(|f| f.file.starts_with("src/telling_")));
    assert_eq!(
        found.iter().map(|f| &f.file).collect::<BTreeSet<_>>().len(),
        found.len(),
        "each once"
    );

    for wrong in ["", "x", "1-", "-", "*"] {
        let error = sweep.rows::<ReviewRow>().from(wrong).expect_err("no cursor");
        assert!(matches!(error, Error::Cursor(_)), "{error}");
    }
}
