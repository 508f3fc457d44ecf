//! The records, variants, enumerations and flags of WASI.

use super::values::{Offsets, flatten_variant, most, record, variant};
use super::{Block, Core, Layout, Lift, Lower, Place, Source, Values};
use crate::wasi::bindings::wasi::http::types::{self as http, IoError};
use wasmtime::component::Resource;
use wasmtime::{Result, bail};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types as filesystem;
use wasmtime_wasi::p2::bindings::io::streams::StreamError;

/// What the fields, cases or flags of a type are called.
#[cfg(test)]
pub(super) trait Named {
    const NAMES: &'static [&'static str];
}

/// A record, with its fields in order.
macro_rules! record {
    ($record:ty { $($field:ident: $type:ty),* $(,)? }) => {
        const _: () = {
            const FIELDS: &[(usize, usize)] =
                &[$((<$type as Layout>::SIZE, <$type as Layout>::ALIGN)),*];

            #[cfg(test)]
            impl Named for $record {
                const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];
            }

            impl Layout for $record {
                const SIZE: usize = record(FIELDS).0;
                const ALIGN: usize = record(FIELDS).1;
                const FLAT: usize = 0 $(+ <$type as Layout>::FLAT)*;
                const ALLOCATES: bool = false $(|| <$type as Layout>::ALLOCATES)*;

                fn flatten(core: &mut Vec<Core>) {
                    $(<$type as Layout>::flatten(core);)*
                }
            }

            impl Lift for $record {
                fn lift(values: &mut Values<'_>, source: &mut Source<'_>) -> Result<Self> {
                    Ok(Self { $($field: Lift::lift(values, source)?),* })
                }

                fn load(at: usize, source: &mut Source<'_>) -> Result<Self> {
                    let mut offsets = Offsets::default();
                    Ok(Self { $($field: Lift::load(at + offsets.next::<$type>(), source)?),* })
                }
            }

            impl Lower for $record {
                fn store(self, to: &mut [u8], place: Place, blocks: &mut Vec<Block>) {
                    let mut offsets = Offsets::default();
                    $({
                        let offset = offsets.next::<$type>();
                        self.$field.store(&mut to[offset..], place.behind(offset), blocks);
                    })*
                }
            }
        };
    };
}

/// What a case of a variant has.
macro_rules! payload {
    () => {
        ()
    };
    ($type:ty) => {
        $type
    };
}

/// A name for what a case of a variant has, if it has something.
macro_rules! name {
    ($type:ty, $name:ident) => {
        $name
    };
}

/// A variant, or an enumeration, with its cases in order.
macro_rules! variant {
    ($variant:ty { $($case:ident $(($type:ty))?),* $(,)? }) => {
        const _: () = {
            const CASES: &[(usize, usize)] = &[$((
                <payload!($($type)?) as Layout>::SIZE,
                <payload!($($type)?) as Layout>::ALIGN,
            )),*];

            enum Case { $($case),* }

            #[cfg(test)]
            impl Named for $variant {
                const NAMES: &'static [&'static str] = &[$(stringify!($case)),*];
            }

            impl Layout for $variant {
                const SIZE: usize = variant(CASES).0;
                const ALIGN: usize = variant(CASES).1;
                const FLAT: usize = 1 + most(&[$(<payload!($($type)?) as Layout>::FLAT),*]);
                const ALLOCATES: bool = false $(|| <payload!($($type)?) as Layout>::ALLOCATES)*;

                fn flatten(core: &mut Vec<Core>) {
                    flatten_variant(core, &[$(<payload!($($type)?) as Layout>::flatten),*]);
                }
            }

            impl Lift for $variant {
                #[allow(unused_variables, reason = "no case may have anything")]
                fn lift(values: &mut Values<'_>, source: &mut Source<'_>) -> Result<Self> {
                    let case = values.next_u32()?;
                    let after = values.after(Self::FLAT - 1);
                    let value = match case {
                        $(case if case == Case::$case as u32 => {
                            Self::$case $((<$type as Lift>::lift(values, source)?))?
                        })*
                        _ => bail!("there is no case {case}"),
                    };
                    *values = after;
                    Ok(value)
                }

                fn load(at: usize, source: &mut Source<'_>) -> Result<Self> {
                    match u8::load(at, source)? {
                        $(case if case == Case::$case as u8 => {
                            Ok(Self::$case $((<$type as Lift>::load(at + Self::ALIGN, source)?))?)
                        })*
                        case => bail!("there is no case {case}"),
                    }
                }
            }

            impl Lower for $variant {
                #[allow(unused_variables, reason = "no case may have anything")]
                fn store(self, to: &mut [u8], place: Place, blocks: &mut Vec<Block>) {
                    match self {
                        $(Self::$case $((name!($type, value)))? => {
                            to[0] = Case::$case as u8;
                            $(<$type as Lower>::store(
                                value,
                                &mut to[Self::ALIGN..],
                                place.behind(Self::ALIGN),
                                blocks,
                            );)?
                        })*
                    }
                }
            }
        };
    };
}

/// Flags, eight at most, in order.
macro_rules! flags {
    ($flags:ty { $($flag:ident),* $(,)? }) => {
        #[cfg(test)]
        impl Named for $flags {
            const NAMES: &'static [&'static str] = &[$(stringify!($flag)),*];
        }

        impl Layout for $flags {
            const SIZE: usize = 1;
            const ALIGN: usize = 1;
            const FLAT: usize = 1;
            const ALLOCATES: bool = false;

            fn flatten(core: &mut Vec<Core>) {
                core.push(Core::I32);
            }
        }

        impl Lift for $flags {
            fn lift(values: &mut Values<'_>, source: &mut Source<'_>) -> Result<Self> {
                let mut bits = u8::lift(values, source)?;
                let mut flags = Self::empty();
                $(
                    if bits & 1 != 0 {
                        flags |= Self::$flag;
                    }
                    bits >>= 1;
                )*
                // Those that nobody knows mean nothing.
                let _ = bits;
                Ok(flags)
            }

            fn load(at: usize, source: &mut Source<'_>) -> Result<Self> {
                Self::lift(&mut Values(&[u8::load(at, source)?.into()]), source)
            }
        }

        impl Lower for $flags {
            fn store(self, to: &mut [u8], _: Place, _: &mut Vec<Block>) {
                let (mut bits, mut bit) = (0, 1);
                $(
                    if self.contains(Self::$flag) {
                        bits |= bit;
                    }
                    bit <<= 1;
                )*
                let _ = bit;
                to[0] = bits;
            }
        }
    };
}

variant!(StreamError {
    LastOperationFailed(Resource<IoError>),
    Closed,
});

record!(Datetime {
    seconds: u64,
    nanoseconds: u32,
});

variant!(filesystem::DescriptorType {
    Unknown,
    BlockDevice,
    CharacterDevice,
    Directory,
    Fifo,
    SymbolicLink,
    RegularFile,
    Socket,
});

flags!(filesystem::DescriptorFlags {
    READ,
    WRITE,
    FILE_INTEGRITY_SYNC,
    DATA_INTEGRITY_SYNC,
    REQUESTED_WRITE_SYNC,
    MUTATE_DIRECTORY,
});

flags!(filesystem::PathFlags { SYMLINK_FOLLOW });

flags!(filesystem::OpenFlags {
    CREATE,
    DIRECTORY,
    EXCLUSIVE,
    TRUNCATE,
});

record!(filesystem::DescriptorStat {
    type_: filesystem::DescriptorType,
    link_count: u64,
    size: u64,
    data_access_timestamp: Option<Datetime>,
    data_modification_timestamp: Option<Datetime>,
    status_change_timestamp: Option<Datetime>,
});

variant!(filesystem::NewTimestamp {
    NoChange,
    Now,
    Timestamp(Datetime),
});

record!(filesystem::DirectoryEntry {
    type_: filesystem::DescriptorType,
    name: String,
});

variant!(filesystem::ErrorCode {
    Access,
    WouldBlock,
    Already,
    BadDescriptor,
    Busy,
    Deadlock,
    Quota,
    Exist,
    FileTooLarge,
    IllegalByteSequence,
    InProgress,
    Interrupted,
    Invalid,
    Io,
    IsDirectory,
    Loop,
    TooManyLinks,
    MessageSize,
    NameTooLong,
    NoDevice,
    NoEntry,
    NoLock,
    InsufficientMemory,
    InsufficientSpace,
    NotDirectory,
    NotEmpty,
    NotRecoverable,
    Unsupported,
    NoTty,
    NoSuchDevice,
    Overflow,
    NotPermitted,
    Pipe,
    ReadOnly,
    InvalidSeek,
    TextFileBusy,
    CrossDevice,
});

variant!(filesystem::Advice {
    Normal,
    Sequential,
    Random,
    WillNeed,
    DontNeed,
    NoReuse,
});

record!(filesystem::MetadataHashValue {
    lower: u64,
    upper: u64,
});

variant!(http::Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Other(String),
});

variant!(http::Scheme {
    Http,
    Https,
    Other(String),
});

record!(http::DnsErrorPayload {
    rcode: Option<String>,
    info_code: Option<u16>,
});

record!(http::TlsAlertReceivedPayload {
    alert_id: Option<u8>,
    alert_message: Option<String>,
});

record!(http::FieldSizePayload {
    field_name: Option<String>,
    field_size: Option<u32>,
});

variant!(http::ErrorCode {
    DnsTimeout,
    DnsError(http::DnsErrorPayload),
    DestinationNotFound,
    DestinationUnavailable,
    DestinationIpProhibited,
    DestinationIpUnroutable,
    ConnectionRefused,
    ConnectionTerminated,
    ConnectionTimeout,
    ConnectionReadTimeout,
    ConnectionWriteTimeout,
    ConnectionLimitReached,
    TlsProtocolError,
    TlsCertificateError,
    TlsAlertReceived(http::TlsAlertReceivedPayload),
    HttpRequestDenied,
    HttpRequestLengthRequired,
    HttpRequestBodySize(Option<u64>),
    HttpRequestMethodInvalid,
    HttpRequestUriInvalid,
    HttpRequestUriTooLong,
    HttpRequestHeaderSectionSize(Option<u32>),
    HttpRequestHeaderSize(Option<http::FieldSizePayload>),
    HttpRequestTrailerSectionSize(Option<u32>),
    HttpRequestTrailerSize(http::FieldSizePayload),
    HttpResponseIncomplete,
    HttpResponseHeaderSectionSize(Option<u32>),
    HttpResponseHeaderSize(http::FieldSizePayload),
    HttpResponseBodySize(Option<u64>),
    HttpResponseTrailerSectionSize(Option<u32>),
    HttpResponseTrailerSize(http::FieldSizePayload),
    HttpResponseTransferCoding(Option<String>),
    HttpResponseContentCoding(Option<String>),
    HttpResponseTimeout,
    HttpUpgradeFailed,
    HttpProtocolError,
    LoopDetected,
    ConfigurationError,
    InternalError(Option<String>),
});

variant!(http::HeaderError {
    InvalidSyntax,
    Forbidden,
    Immutable,
});
