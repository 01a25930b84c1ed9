//! Where a function's code comes from, and reading it out of CreateFunction and UpdateFunctionCode.

use base64::Engine;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{Args, State};
use super::{Reason, package};
use crate::encoding::sha256_hex;
use crate::refusal::{Refusal, refuse};

/// A function's code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Code {
    /// A package sent with the call.
    Zip { digest: String, size: u64 },
    /// A package that was taken from COS: the reference, and what the object held then.
    Cos {
        bucket: String,
        object: String,
        region: String,
        /// Absent in stores of before there was COS here.
        #[serde(default)]
        digest: String,
        #[serde(default)]
        size: u64,
    },
    /// A container image.
    Image { config: Value },
    /// One of the platform's templates, by id.
    Demo { id: String },
}

impl Code {
    /// Digest of a package that is here.
    pub(crate) fn digest(&self) -> Option<&str> {
        match self {
            Self::Zip { digest, .. } => Some(digest),
            Self::Cos { digest, .. } => Some(digest.as_str()).filter(|digest| !digest.is_empty()),
            Self::Image { .. } | Self::Demo { .. } => None,
        }
    }

    /// Bytes of the package; 0 for images, as in the official sample.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Zip { size, .. } | Self::Cos { size, .. } => *size,
            Self::Image { .. } => 0,
            Self::Demo { .. } => 1024,
        }
    }

    /// `CodeSha256`: of the uploaded zip bytes (assumed; no source says so). Of the reference otherwise.
    pub(crate) fn sha256(&self) -> String {
        match self.digest() {
            Some(digest) => digest.to_owned(),
            None => sha256_hex(json!(self).to_string().as_bytes()),
        }
    }

    /// The image as it comes back: with its digest, and members nobody sent.
    pub(crate) fn image_view(&self) -> Value {
        let Self::Image { config } = self else { return Value::Null };
        let uri = config["ImageUri"].as_str().unwrap_or_default();
        let uri = if uri.contains("@sha256:") {
            uri.to_owned()
        } else {
            format!("{uri}@sha256:{}", sha256_hex(uri.as_bytes()))
        };
        json!({
            "ImageType": config["ImageType"],
            "ImageUri": uri,
            "RegistryId": config.get("RegistryId").cloned().unwrap_or_else(|| "".into()),
            "EntryPoint": config.get("EntryPoint").cloned().unwrap_or(Value::Null),
            "Command": config.get("Command").cloned().unwrap_or_else(|| "".into()),
            "Args": config.get("Args").cloned().unwrap_or_else(|| "".into()),
            "ContainerImageAccelerate": config.get("ContainerImageAccelerate").cloned().unwrap_or(Value::Bool(false)),
            "ImagePort": config.get("ImagePort").cloned().unwrap_or_else(|| 9000.into()),
        })
    }
}

impl State {
    /// Reads code out of a call: from `Code`, or from the flat members of UpdateFunctionCode. `None` when
    /// the call brings none. An object is read now, as it is; later changes of it change no function.
    pub(super) fn read_code(&mut self, region: &str, args: Args<'_>) -> Result<Option<Code>, Refusal> {
        let args = args.object("Code").unwrap_or(args);
        let zip = args.text("ZipFile");
        let cos = args.text("CosObjectName").or(args.text("TempCosObjectName"));
        let image = args.object("ImageConfig");
        let demo = args.text("DemoId");
        let given = usize::from(zip.is_some())
            + usize::from(cos.is_some())
            + usize::from(image.is_some())
            + usize::from(demo.is_some());
        if given > 1 {
            return refuse("InvalidParameterValue.Code", "Code takes exactly one source");
        }
        if let Some(text) = zip {
            let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(text) else {
                return refuse("InvalidParameterValue.ZipFileBase64BinasciiError", "ZipFile is not valid base64");
            };
            package::must_be_zip(&bytes)?;
            let size = bytes.len() as u64;
            return Ok(Some(Code::Zip { digest: self.packages.insert(bytes), size }));
        }
        if let Some(object) = cos {
            let bucket = args.text_or("CosBucketName", "");
            if bucket.is_empty() {
                return refuse("InvalidParameterValue.CosBucketName", "CosBucketName is empty");
            }
            if !(object.ends_with(".zip") || object.ends_with(".jar")) {
                return refuse("InvalidParameterValue.CosObjectName", "CosObjectName must end with .zip or .jar");
            }
            if !object.starts_with('/') {
                return refuse("InvalidParameterValue.CosObjectName", "CosObjectName begins with a slash");
            }
            let of = args.text("CosBucketRegion").filter(|of| !of.is_empty()).unwrap_or(region);
            let Some(found) = self.code_object(of, bucket, object) else {
                return refuse(
                    "ResourceNotFound.CosObject",
                    format!("the bucket {bucket} in {of} holds no object {object}"),
                );
            };
            return Ok(Some(Code::Cos {
                bucket: bucket.to_owned(),
                object: object.to_owned(),
                region: args.text_or("CosBucketRegion", "").to_owned(),
                digest: found.digest.clone(),
                size: found.size,
            }));
        }
        if let Some(config) = image {
            if args.object("ImageConfig").is_some_and(|image| image.text_or("ImageUri", "").is_empty()) {
                return refuse("InvalidParameterValue.Code", "ImageConfig.ImageUri is empty");
            }
            return Ok(Some(Code::Image { config: Value::Object(config.0.clone()) }));
        }
        Ok(demo.map(|id| Code::Demo { id: id.to_owned() }))
    }

    /// What keeps the code from being deployed.
    pub(super) fn code_finding(&self, code: &Code, runtime: &str, kind: &str) -> Option<Reason> {
        let bytes = self.packages.get(code.digest()?)?;
        let entry = match (runtime, kind) {
            (_, "HTTP") => Some("scf_bootstrap"),
            ("CustomRuntime", _) => Some("bootstrap"),
            _ => None,
        };
        package::finding(&bytes, entry)
    }
}
