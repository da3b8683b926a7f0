//! Writes the corpora that the fuzzer begins with: `corpus/<target>/`, made now and read from `../shared`.

fn main() -> std::io::Result<()> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = folder.join("../../../shared");
    for target in shipslog_fuzz::properties::TARGETS {
        let corpus = folder.join("corpus").join(target.name);
        std::fs::create_dir_all(&corpus)?;
        for (number, seed) in shipslog_fuzz::seeds::of(target.name, &shared).iter().enumerate() {
            std::fs::write(corpus.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
