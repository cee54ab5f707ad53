use super::*;
use axum::http::HeaderValue;

const SECRET: &str = "0123456789abcdef";

fn ip(text: &str) -> Caller {
    text.parse::<IpAddr>().unwrap().into()
}

/// A caller for whom a master asks.
fn behind(master: &str, text: &str) -> Caller {
    Caller { behind: Some(text.parse().unwrap()), ..ip(master) }
}

#[test]
fn a_token_is_long_enough_and_fits_into_a_header() {
    for good in [SECRET.to_owned(), "~".repeat(MAX_BYTES)] {
        assert_eq!(good.parse::<Token>().unwrap().reveal(), good);
    }
    for bad in
        ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcde\n", "sécret-sécret-sécret", &"x".repeat(1025)]
    {
        assert_eq!(bad.parse::<Token>().unwrap_err(), BadToken, "{bad}");
    }
}

#[test]
fn nobody_prints_it() {
    let gate = Gate::new(Some(SECRET.parse().unwrap()));
    assert!(!format!("{gate:?}").contains("0123"), "{gate:?}");
}

#[test]
fn a_bearer_says_so() {
    let said = |value: &'static str| {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
        bearer(&headers).map(str::to_owned)
    };
    assert_eq!(said("Bearer abc").as_deref(), Some("abc"));
    assert_eq!(said("bearer  abc ").as_deref(), Some("abc"));
    for other in ["abc", "Basic abc", "Bearer", ""] {
        assert_eq!(said(other), None, "{other}");
    }
    assert_eq!(bearer(&HeaderMap::new()), None);
}

#[test]
fn a_gate_opens_for_its_token_alone() {
    let (closed, gate) = (Gate::new(None), Gate::new(Some(SECRET.parse().unwrap())));
    let from = ip("10.0.0.7");
    assert_eq!(closed.open(Some(SECRET), from), Err(Refused::NoneSet));
    assert_eq!(gate.open(None, from), Err(Refused::Missing));
    assert_eq!(gate.open(Some(""), from), Err(Refused::Wrong));
    for wrong in [&SECRET[1..], "0123456789abcdeF", "0123456789abcdef0"] {
        assert_eq!(gate.open(Some(wrong), from), Err(Refused::Wrong), "{wrong}");
    }
    assert_eq!(gate.open(Some(SECRET), from), Ok(()));
    assert_eq!(gate.open(Some("x"), from), Err(Refused::Wrong), "the fifth");
    assert!(matches!(gate.open(Some(SECRET), from), Err(Refused::TooMany(wait)) if wait <= ONE_MORE_AFTER));
    assert_eq!(gate.open(Some(SECRET), ip("10.0.0.8")), Ok(()), "others do not notice");
}

#[test]
fn five_at_once_then_one_in_ten_seconds() {
    let (mut tries, start, from) = (Tries::default(), clock::now(), ip("10.0.0.7"));
    let at = |s| start + Duration::from_secs(s);
    let mut wrong =
        |n: usize, now| (0..n).filter(|_| tries.may(from, now).map(|()| tries.failed(from, now)).is_ok()).count();
    let within_an_hour: usize = (0..3600).map(|s| wrong(1000, at(s))).sum();
    assert_eq!(within_an_hour, 5 + 359);
    assert_eq!(wrong(1000, at(4000)), 5, "all of it is back after a while");
    assert_eq!(tries.may(from, at(4000)), Err(ONE_MORE_AFTER));
    assert_eq!(tries.may(from, at(4004)), Err(Duration::from_secs(6)));
    assert_eq!(tries.may(from, at(4010)), Ok(()));
}

#[test]
fn who_guesses_through_a_master_locks_out_only_itself_but_not_any_number_may_guess() {
    let (mut tries, start) = (Tries::default(), clock::now());
    let at = |s| start + Duration::from_secs(s);
    let guesser = behind("10.0.0.1", "10.0.0.7");
    for s in 0..3600 {
        while tries.may(guesser, at(s)).is_ok() {
            tries.failed(guesser, at(s));
        }
        assert_eq!(tries.may(behind("10.0.0.1", "10.0.0.8"), at(s)), Ok(()), "after {s} s");
    }
    let mut made_up = (0_u32..).map(|n| Caller { behind: Some(IpAddr::V4(n.into())), ..ip("10.0.0.66") });
    let within_an_hour: usize = (0..3600)
        .map(|s| {
            let mut all = made_up.by_ref().take(1000);
            all.by_ref().take_while(|each| tries.may(*each, at(s)).map(|()| tries.failed(*each, at(s))).is_ok()).count()
        })
        .sum();
    assert!((40..=40 + 360 * 8).contains(&within_an_hour), "{within_an_hour}");
    assert!(tries.may(ip("10.0.0.66"), at(3599)).is_err() && tries.may(ip("10.0.0.1"), at(3599)).is_ok());
}

#[test]
fn an_ipv6_network_is_one_and_a_mapped_address_is_itself() {
    let (mut tries, now) = (Tries::default(), clock::now());
    for n in 0..5 {
        tries.failed(ip(&format!("fd00::{n}")), now);
        tries.failed(ip("::ffff:10.0.0.7"), now);
    }
    assert!(tries.may(ip("fd00::ffff"), now).is_err() && tries.may(ip("10.0.0.7"), now).is_err());
    assert!(tries.may(ip("fd00:0:0:1::1"), now).is_ok());
}

#[test]
fn many_addresses_take_little_room_and_do_not_let_who_tries_most_be_forgotten() {
    let (mut tries, now, busy) = (Tries::default(), clock::now(), ip("192.168.0.1"));
    for _ in 0..5 {
        tries.failed(busy, now);
    }
    for n in 0..10 * MAX_ACCOUNTS as u32 {
        tries.failed(IpAddr::V4((0x0a00_0000 + n).into()).into(), now);
    }
    assert_eq!(tries.peers.0.len(), MAX_ACCOUNTS);
    assert!(tries.may(busy, now).is_err());
}

#[test]
fn who_makes_up_so_many_people_that_some_are_forgotten_is_not_forgotten_itself() {
    let (mut tries, now) = (Tries::default(), clock::now());
    let peers = (1..=60).map(|n| IpAddr::from([10, 0, 0, n]));
    let mut let_through = 0;
    for (n, peer) in peers.flat_map(|peer| (0_u32..1000).map(move |n| (n, peer))) {
        let made_up = Caller { peer, behind: Some(IpAddr::V4(n.into())) };
        if tries.may(made_up, now).is_ok() {
            tries.failed(made_up, now);
            let_through += 1;
        }
    }
    assert_eq!(tries.behind.0.len(), MAX_ACCOUNTS, "this test fills them");
    assert_eq!(let_through, 60 * 40);
}
