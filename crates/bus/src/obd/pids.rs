//! The parameters of service 01 (SAE J1979-DA), by the names that the standard prints.

/// A parameter of service 01.
#[derive(Debug, PartialEq)]
pub struct Pid {
    pub number: u8,
    /// Bytes of data.
    pub len: usize,
    pub items: &'static [Item],
}

/// A value within a parameter's data: `bits * factor + offset`.
#[derive(Debug, PartialEq)]
pub struct Item {
    /// The standard's abbreviation.
    pub name: &'static str,
    /// As VSS spells it; empty for numbers without a unit.
    pub unit: &'static str,
    /// Counted from the highest bit of the first byte.
    first_bit: u16,
    bits: u16,
    signed: bool,
    factor: f64,
    offset: f64,
    /// Names of single values.
    pub values: &'static [(u32, &'static str)],
}

impl Item {
    /// `None` when the data is too short.
    pub(super) fn decode(&self, data: &[u8]) -> Option<f64> {
        let end = self.first_bit + self.bits;
        let bytes = data.get(usize::from(self.first_bit / 8)..usize::from(end.div_ceil(8)))?;
        let all = bytes.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        let bits = all >> (end.next_multiple_of(8) - end) & (u64::MAX >> (64 - self.bits));
        let number = if self.signed {
            let unused = 64 - self.bits;
            ((bits << unused).cast_signed() >> unused) as f64
        } else {
            bits as f64
        };
        Some(number * self.factor + self.offset)
    }

    const fn signed(self) -> Self {
        Self { signed: true, ..self }
    }
}

const fn item(
    name: &'static str,
    unit: &'static str,
    first_byte: u16,
    bytes: u16,
    factor: f64,
    offset: f64,
) -> Item {
    Item {
        name,
        unit,
        first_bit: first_byte * 8,
        bits: bytes * 8,
        signed: false,
        factor,
        offset,
        values: &[],
    }
}

const fn bits(name: &'static str, byte: u16, highest: u16, count: u16) -> Item {
    Item {
        name,
        unit: "",
        first_bit: byte * 8 + 7 - highest,
        bits: count,
        signed: false,
        factor: 1.0,
        offset: 0.0,
        values: &[],
    }
}

const fn flag(name: &'static str, byte: u16, bit: u16) -> Item {
    bits(name, byte, bit, 1)
}

const fn code(name: &'static str, byte: u16, values: &'static [(u32, &'static str)]) -> Item {
    Item { values, ..bits(name, byte, 7, 8) }
}

/// A share of a byte.
const fn percent(name: &'static str, byte: u16) -> Item {
    item(name, "percent", byte, 1, 100.0 / 255.0, 0.0)
}

/// A fuel trim: from -100 to 99.2 %.
const fn trim(name: &'static str, byte: u16) -> Item {
    item(name, "percent", byte, 1, 100.0 / 128.0, -100.0)
}

const fn celsius(name: &'static str, byte: u16) -> Item {
    item(name, "celsius", byte, 1, 1.0, -40.0)
}

const fn lambda(name: &'static str) -> Item {
    item(name, "", 0, 2, 2.0 / 65_536.0, 0.0)
}

const FUEL_SYSTEM: &[(u32, &str)] =
    &[(0, "OFF"), (1, "OL"), (2, "CL"), (4, "OL-Drive"), (8, "OL-Fault"), (16, "CL-Fault")];

const SECONDARY_AIR: &[(u32, &str)] = &[(1, "UPS"), (2, "DNS"), (4, "OFF"), (8, "DIAG")];

const STANDARD: &[(u32, &str)] = &[
    (1, "OBD II"),
    (2, "OBD"),
    (3, "OBD and OBD II"),
    (4, "OBD I"),
    (5, "NO OBD"),
    (6, "EOBD"),
    (7, "EOBD and OBD II"),
    (8, "EOBD and OBD"),
    (9, "EOBD, OBD and OBD II"),
    (10, "JOBD"),
    (11, "JOBD and OBD II"),
    (12, "JOBD and EOBD"),
    (13, "JOBD, EOBD, and OBD II"),
    (17, "EMD"),
    (18, "EMD+"),
    (19, "HD OBD-C"),
    (20, "HD OBD"),
    (21, "WWH OBD"),
    (23, "HD EOBD-I"),
    (24, "HD EOBD-I N"),
    (25, "HD EOBD-II"),
    (26, "HD EOBD-II N"),
    (28, "OBDBr-1"),
    (29, "OBDBr-2"),
    (30, "KOBD"),
    (31, "IOBD I"),
    (32, "IOBD II"),
    (33, "HD EOBD-VI"),
];

const FUEL: &[(u32, &str)] = &[
    (0, "NONE"),
    (1, "GAS"),
    (2, "METH"),
    (3, "ETH"),
    (4, "DSL"),
    (5, "LPG"),
    (6, "CNG"),
    (7, "PROP"),
    (8, "ELEC"),
    (9, "BI_GAS"),
    (10, "BI_METH"),
    (11, "BI_ETH"),
    (12, "BI_LPG"),
    (13, "BI_CNG"),
    (14, "BI_PROP"),
    (15, "BI_ELEC"),
    (16, "BI_MIX"),
    (17, "HYB_GAS"),
    (18, "HYB_ETH"),
    (19, "HYB_DSL"),
    (20, "HYB_ELEC"),
    (21, "HYB_MIX"),
    (22, "HYB_REG"),
    (23, "BI_DSL"),
];

/// An oxygen sensor with its trim.
const fn o2(volts: &'static str, short_trim: &'static str) -> [Item; 2] {
    [item(volts, "V", 0, 1, 0.005, 0.0), trim(short_trim, 1)]
}

/// A wide-range oxygen sensor by voltage.
const fn lambda_volts(ratio: &'static str, volts: &'static str) -> [Item; 2] {
    [lambda(ratio), item(volts, "V", 2, 2, 8.0 / 65_536.0, 0.0)]
}

/// A wide-range oxygen sensor by current.
const fn lambda_current(ratio: &'static str, current: &'static str) -> [Item; 2] {
    [lambda(ratio), item(current, "mA", 2, 2, 1.0 / 256.0, -128.0)]
}

const fn catalyst(name: &'static str) -> Item {
    item(name, "celsius", 0, 2, 0.1, -40.0)
}

macro_rules! pids {
    ($($number:literal, $len:literal => $items:expr;)+) => {
        /// What service 01 is known to carry, by number.
        pub static PIDS: &[Pid] = &[$(Pid { number: $number, len: $len, items: $items }),+];
    };
}

// One line each: number, bytes of data, items.
#[rustfmt::skip]
pids! {
    0x00, 4 => &[item("PIDSUP_00", "", 0, 4, 1.0, 0.0)];
    0x01, 4 => &[flag("MIL", 0, 7), bits("DTC_CNT", 0, 6, 7),
        flag("CCM_RDY", 1, 6), flag("FUEL_RDY", 1, 5), flag("MIS_RDY", 1, 4), flag("CIM_SUP", 1, 3),
        flag("CCM_SUP", 1, 2), flag("FUEL_SUP", 1, 1), flag("MIS_SUP", 1, 0)];
    0x02, 2 => &[item("DTCFRZF", "", 0, 2, 1.0, 0.0)];
    0x03, 2 => &[code("FUELSYS1", 0, FUEL_SYSTEM), code("FUELSYS2", 1, FUEL_SYSTEM)];
    0x04, 1 => &[percent("LOAD_PCT", 0)];
    0x05, 1 => &[celsius("ECT", 0)];
    0x06, 1 => &[trim("SHRTFT1", 0)];
    0x07, 1 => &[trim("LONGFT1", 0)];
    0x08, 1 => &[trim("SHRTFT2", 0)];
    0x09, 1 => &[trim("LONGFT2", 0)];
    0x0A, 1 => &[item("FRP", "kPa", 0, 1, 3.0, 0.0)];
    0x0B, 1 => &[item("MAP", "kPa", 0, 1, 1.0, 0.0)];
    0x0C, 2 => &[item("RPM", "rpm", 0, 2, 0.25, 0.0)];
    0x0D, 1 => &[item("VSS", "km/h", 0, 1, 1.0, 0.0)];
    0x0E, 1 => &[item("SPARKADV", "degrees", 0, 1, 0.5, -64.0)];
    0x0F, 1 => &[celsius("IAT", 0)];
    0x10, 2 => &[item("MAF", "g/s", 0, 2, 0.01, 0.0)];
    0x11, 1 => &[percent("TP", 0)];
    0x12, 1 => &[code("AIR_STAT", 0, SECONDARY_AIR)];
    0x13, 1 => &[bits("O2SLOC", 0, 7, 8)];
    0x14, 2 => &o2("O2S11", "SHRTFT11");
    0x15, 2 => &o2("O2S12", "SHRTFT12");
    0x16, 2 => &o2("O2S13", "SHRTFT13");
    0x17, 2 => &o2("O2S14", "SHRTFT14");
    0x18, 2 => &o2("O2S21", "SHRTFT21");
    0x19, 2 => &o2("O2S22", "SHRTFT22");
    0x1A, 2 => &o2("O2S23", "SHRTFT23");
    0x1B, 2 => &o2("O2S24", "SHRTFT24");
    0x1C, 1 => &[code("OBDSUP", 0, STANDARD)];
    0x1D, 1 => &[bits("O2SLOC", 0, 7, 8)];
    0x1E, 1 => &[flag("PTO_STAT", 0, 0)];
    0x1F, 2 => &[item("RUNTM", "s", 0, 2, 1.0, 0.0)];
    0x20, 4 => &[item("PIDSUP_20", "", 0, 4, 1.0, 0.0)];
    0x21, 2 => &[item("MIL_DIST", "km", 0, 2, 1.0, 0.0)];
    0x22, 2 => &[item("FRP", "kPa", 0, 2, 0.079, 0.0)];
    0x23, 2 => &[item("FRP", "kPa", 0, 2, 10.0, 0.0)];
    0x24, 4 => &lambda_volts("LAMBDA11", "O2S11");
    0x25, 4 => &lambda_volts("LAMBDA12", "O2S12");
    0x26, 4 => &lambda_volts("LAMBDA13", "O2S13");
    0x27, 4 => &lambda_volts("LAMBDA14", "O2S14");
    0x28, 4 => &lambda_volts("LAMBDA21", "O2S21");
    0x29, 4 => &lambda_volts("LAMBDA22", "O2S22");
    0x2A, 4 => &lambda_volts("LAMBDA23", "O2S23");
    0x2B, 4 => &lambda_volts("LAMBDA24", "O2S24");
    0x2C, 1 => &[percent("EGR_PCT", 0)];
    0x2D, 1 => &[trim("EGR_ERR", 0)];
    0x2E, 1 => &[percent("EVAP_PCT", 0)];
    0x2F, 1 => &[percent("FLI", 0)];
    0x30, 1 => &[item("WARM_UPS", "", 0, 1, 1.0, 0.0)];
    0x31, 2 => &[item("CLR_DIST", "km", 0, 2, 1.0, 0.0)];
    0x32, 2 => &[item("EVAP_VP", "Pa", 0, 2, 0.25, 0.0).signed()];
    0x33, 1 => &[item("BARO", "kPa", 0, 1, 1.0, 0.0)];
    0x34, 4 => &lambda_current("LAMBDA11_CURRENT", "O2S11_CURRENT");
    0x35, 4 => &lambda_current("LAMBDA12_CURRENT", "O2S12_CURRENT");
    0x36, 4 => &lambda_current("LAMBDA13_CURRENT", "O2S13_CURRENT");
    0x37, 4 => &lambda_current("LAMBDA14_CURRENT", "O2S14_CURRENT");
    0x38, 4 => &lambda_current("LAMBDA21_CURRENT", "O2S21_CURRENT");
    0x39, 4 => &lambda_current("LAMBDA22_CURRENT", "O2S22_CURRENT");
    0x3A, 4 => &lambda_current("LAMBDA23_CURRENT", "O2S23_CURRENT");
    0x3B, 4 => &lambda_current("LAMBDA24_CURRENT", "O2S24_CURRENT");
    0x3C, 2 => &[catalyst("CATEMP11")];
    0x3D, 2 => &[catalyst("CATEMP21")];
    0x3E, 2 => &[catalyst("CATEMP12")];
    0x3F, 2 => &[catalyst("CATEMP22")];
    0x40, 4 => &[item("PIDSUP_40", "", 0, 4, 1.0, 0.0)];
    0x41, 4 => &[flag("CCM_CMPL", 1, 6), flag("FUEL_CMPL", 1, 5), flag("MIS_CMPL", 1, 4),
        flag("CCM_ENA", 1, 2), flag("FUEL_ENA", 1, 1), flag("MIS_ENA", 1, 0)];
    0x42, 2 => &[item("VPWR", "V", 0, 2, 0.001, 0.0)];
    0x43, 2 => &[item("LOAD_ABS", "percent", 0, 2, 100.0 / 255.0, 0.0)];
    // Of 2/65535, by recorded cars; the standard prints 0.0000305, which leaves both open.
    0x44, 2 => &[item("EQ_RAT", "", 0, 2, 2.0 / 65_535.0, 0.0)];
    0x45, 1 => &[percent("TP_R", 0)];
    0x46, 1 => &[celsius("AAT", 0)];
    0x47, 1 => &[percent("TP_B", 0)];
    0x48, 1 => &[percent("TP_C", 0)];
    0x49, 1 => &[percent("APP_D", 0)];
    0x4A, 1 => &[percent("APP_E", 0)];
    0x4B, 1 => &[percent("APP_F", 0)];
    0x4C, 1 => &[percent("TAC_PCT", 0)];
    0x4D, 2 => &[item("MIL_TIME", "min", 0, 2, 1.0, 0.0)];
    0x4E, 2 => &[item("CLR_TIME", "min", 0, 2, 1.0, 0.0)];
    0x4F, 4 => &[item("MAX_EQ_RAT", "", 0, 1, 1.0, 0.0), item("MAX_O2_VOLT", "V", 1, 1, 1.0, 0.0),
        item("MAX_O2_CURR", "mA", 2, 1, 1.0, 0.0), item("MAX_MAP", "kPa", 3, 1, 10.0, 0.0)];
    0x50, 4 => &[item("MAX_MAF", "g/s", 0, 1, 10.0, 0.0)];
    0x51, 1 => &[code("FUEL_TYP", 0, FUEL)];
    0x52, 1 => &[percent("ALCH_PCT", 0)];
    0x53, 2 => &[item("EVAP_VPA", "kPa", 0, 2, 0.005, 0.0)];
    0x54, 2 => &[item("EVAP_VP", "Pa", 0, 2, 1.0, 0.0).signed()];
    0x55, 2 => &[trim("STSO2FT1", 0), trim("STSO2FT3", 1)];
    0x56, 2 => &[trim("LGSO2FT1", 0), trim("LGSO2FT3", 1)];
    0x57, 2 => &[trim("STSO2FT2", 0), trim("STSO2FT4", 1)];
    0x58, 2 => &[trim("LGSO2FT2", 0), trim("LGSO2FT4", 1)];
    0x59, 2 => &[item("FRP", "kPa", 0, 2, 10.0, 0.0)];
    0x5A, 1 => &[percent("APP_R", 0)];
    0x5B, 1 => &[percent("BAT_PWR", 0)];
    0x5C, 1 => &[celsius("EOT", 0)];
    0x5D, 2 => &[item("FUEL_TIMING", "degrees", 0, 2, 1.0 / 128.0, -210.0)];
    0x5E, 2 => &[item("FUEL_RATE", "l/h", 0, 2, 0.05, 0.0)];
    0x5F, 1 => &[bits("EMIS_SUP", 0, 7, 8)];
    0x60, 4 => &[item("PIDSUP_60", "", 0, 4, 1.0, 0.0)];
    0x61, 1 => &[item("TQ_DD", "percent", 0, 1, 1.0, -125.0)];
    0x62, 1 => &[item("TQ_ACT", "percent", 0, 1, 1.0, -125.0)];
    0x63, 2 => &[item("TQ_REF", "Nm", 0, 2, 1.0, 0.0)];
    0x64, 5 => &[item("TQ_MAX1", "percent", 0, 1, 1.0, -125.0), item("TQ_MAX2", "percent", 1, 1, 1.0, -125.0),
        item("TQ_MAX3", "percent", 2, 1, 1.0, -125.0), item("TQ_MAX4", "percent", 3, 1, 1.0, -125.0),
        item("TQ_MAX5", "percent", 4, 1, 1.0, -125.0)];
    0x66, 5 => &[flag("MAFA_SUP", 0, 0), flag("MAFB_SUP", 0, 1),
        item("MAFA", "g/s", 1, 2, 1.0 / 32.0, 0.0), item("MAFB", "g/s", 3, 2, 1.0 / 32.0, 0.0)];
    0x67, 3 => &[flag("ECT1_SUP", 0, 0), flag("ECT2_SUP", 0, 1), celsius("ECT1", 1), celsius("ECT2", 2)];
    0x80, 4 => &[item("PIDSUP_80", "", 0, 4, 1.0, 0.0)];
    0xA0, 4 => &[item("PIDSUP_A0", "", 0, 4, 1.0, 0.0)];
    0xA6, 4 => &[item("ODO", "km", 0, 4, 0.1, 0.0)];
    0xC0, 4 => &[item("PIDSUP_C0", "", 0, 4, 1.0, 0.0)];
}
