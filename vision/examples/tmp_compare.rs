use facefleet_vision::*;
use std::time::Instant;
#[allow(clippy::all)]
fn main() {
    let mut args = std::env::args().skip(1);
    let (w, h): (u32, u32) = (args.next().unwrap().parse().unwrap(), args.next().unwrap().parse().unwrap());
    let mut seeta = Seeta::frontal().unwrap();
    let mut rf = DetectorKind::Rustface.build().unwrap();
    let (mut a, mut b) = (vec![], vec![]);
    let (mut ta, mut tb) = (vec![], vec![]);
    let mut diff = 0; let mut n = 0;
    for path in args {
        let bytes = std::fs::read(&path).unwrap();
        let rgb = jpeg::decode_rgb(&bytes, &Limits::default()).unwrap();
        let g = image::DynamicImage::from(rgb).into_luma8();
        let g = if w == 0 { g } else { image::imageops::resize(&g, w, h, image::imageops::FilterType::Triangle) };
        let view = LumaView::new(Size { width: g.width(), height: g.height() }, &g);
        let t = Instant::now(); seeta.detect(view, Wanted::default(), &mut a); ta.push(t.elapsed());
        if std::env::var("ONLY").is_err() { let t = Instant::now(); rf.detect(view, Wanted::default(), &mut b); tb.push(t.elapsed()); }
        n += a.len();
        let mut b2 = b.clone();
        b2.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.y.total_cmp(&b.y)).then(a.x.total_cmp(&b.x)));
        if !tb.is_empty() && a != b2 { diff += 1; println!("{path}: {a:?} {b:?}"); }
    }
    ta.sort(); tb.sort();
    println!("faces {n} diff {diff} seeta {:?} rustface {:?}", ta[ta.len()/2], tb.get(tb.len()/2));
    let _ = seeta_stats();
}
fn seeta_stats() {}
