//! A log whose directory gets another name.

use super::*;

#[test]
fn a_log_goes_on_under_another_name() {
    let mut bench = Bench::new(small());
    for sequence in 0..20 {
        bench.append(produced(9, 0, sequence * 10, 10));
    }
    assert!(bench.log.segment_count() > 2);
    let before = read_all(&bench.log.reader(), Offset(0));
    bench.log.close(NOW).unwrap();
    let renamed = bench.temp.path().join("elsewhere");
    std::fs::rename(bench.path(), &renamed).unwrap();
    bench.log.relocate(Arc::new(DiskDir::new(&renamed)));
    assert_eq!(read_all(&bench.log.reader(), Offset(0)), before);
    let size = bench.log.size_bytes().unwrap();
    assert_eq!(size, before.len() as u64);
    let duplicate = bench.append(produced(9, 0, 160, 10));
    assert!(duplicate.duplicate, "the batches of a producer are remembered, not only the last");
    assert_eq!(bench.append(produced(9, 0, 200, 10)).base_offset, Offset(200));
    bench.log.sync(NOW).unwrap();
    std::fs::rename(&renamed, bench.path()).unwrap();
    let bench = bench.crash();
    assert_eq!(bench.log.log_end_offset(), Offset(210));
    assert_eq!(bench.bytes()[..before.len()], before);
}
