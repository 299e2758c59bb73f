//! The log's own key: made once, used for nothing else.

use std::{fs, io, path::Path};

use ::audit::{KeyName, SoftwareSigner};
use aws_lc_rs::rand;
use model::Region;

use super::AuditError;

/// In the region's folder of keys; the seed of RFC 8032 in hexadecimal.
const FILE: &str = "audit-key";

/// What the log of a region calls itself.
pub fn origin(region: &Region) -> Result<KeyName, AuditError> {
    Ok(format!("marque/{region}/audit").parse()?)
}

/// Loads the key, or makes it when the log begins too.
pub(super) fn open(folder: &Path, region: &Region, begins: bool) -> Result<SoftwareSigner, AuditError> {
    let path = folder.join(FILE);
    let seed = match fs::read_to_string(&path) {
        Ok(text) => {
            let mut seed = [0; 32];
            let decoded = hex::decode_to_slice(text.trim(), &mut seed);
            decoded.map_err(|_| AuditError::KeyDamaged { path: path.clone() })?;
            seed
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && begins => {
            let mut seed = [0; 32];
            rand::fill(&mut seed).map_err(|_| AuditError::Random)?;
            crate::pki::write_secret_file(&path, &hex::encode(seed)).map_err(AuditError::Files)?;
            seed
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(AuditError::KeyGone { path }),
        Err(error) => return Err(AuditError::Files(error)),
    };
    Ok(SoftwareSigner::from_seed(origin(region)?, &seed)?)
}
