//! Datasets: their element types and how they are stored.
use crate::base::stored_type::STORED_TYPES;
use ::hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use ::hdf5::{Dataset, Extent, Group, Hyperslab, Result, Selection, SimpleExtents, SliceOrIndex};
use halocline_kernels::ElementType;

/// The HDF5 type of one of the [`STORED_TYPES`].
fn descriptor(element: ElementType) -> TypeDescriptor {
    match element {
        ElementType::F32 => TypeDescriptor::Float(FloatSize::U4),
        ElementType::F64 => TypeDescriptor::Float(FloatSize::U8),
        ElementType::I64 => TypeDescriptor::Integer(IntSize::U8),
        ElementType::U8 => TypeDescriptor::Unsigned(IntSize::U1),
        _ => unreachable!("complex numbers are stored as two floats"),
    }
}

/// The storage layout of a dataset.
pub(crate) enum Storage {
    /// Contiguous, of a fixed size.
    Whole,
    /// Contiguous, with its space in the file allocated at creation, to be filled without HDF5.
    Reserved,
    /// In chunks of this shape; the first axis can grow.
    Growing(Vec<usize>),
    /// Virtual: the numbers are in other files.
    Virtual(Vec<VirtualSource>),
}

/// A part of a virtual dataset: instants `0..count` of the source appear as `start..start + count`, whole on all other axes.
pub(crate) struct VirtualSource {
    /// Path of the source file, relative to the virtual file.
    pub(crate) file: String,
    /// First instant in the virtual dataset.
    pub(crate) start: usize,
    /// Instants taken from the source.
    pub(crate) count: usize,
    /// Instants that the source holds.
    pub(crate) instants: usize,
}

/// Creates a dataset with attributes in creation order and no time stamp.
pub(crate) fn dataset(
    group: &Group,
    name: &str,
    element: ElementType,
    shape: &[usize],
    storage: Storage,
) -> Result<Dataset> {
    use ::hdf5::dataset::{AllocTime, AttrCreationOrder, FillTime};
    let growing = |shape: &[usize]| {
        SimpleExtents::from_vec(
            shape.iter().enumerate().map(|(a, &n)| Extent::new(n, if a == 0 { None } else { Some(n) })).collect(),
        )
    };
    let fixed = matches!(storage, Storage::Whole | Storage::Reserved);
    let extents = if fixed { SimpleExtents::fixed(shape) } else { growing(shape) };
    let mut builder = group
        .new_dataset_builder()
        .with_dcpl(|p| p.obj_track_times(false).attr_creation_order(AttrCreationOrder::Indexed));
    match storage {
        Storage::Whole => {}
        Storage::Reserved => builder = builder.alloc_time(Some(AllocTime::Early)).fill_time(FillTime::Never),
        // Every number is written exactly once, so filling chunks first would double the traffic. Parallel HDF5 allocates
        // early; the explicit setting makes serial files identical.
        Storage::Growing(chunk) => {
            builder = builder.chunk(chunk).alloc_time(Some(AllocTime::Early)).fill_time(FillTime::Never)
        }
        Storage::Virtual(sources) => {
            let instants = |start: usize, count: usize| {
                let mut slices = vec![SliceOrIndex::SliceCount { start, step: 1, count, block: 1 }];
                slices.extend(shape[1..].iter().map(|&n| SliceOrIndex::SliceCount {
                    start: 0,
                    step: 1,
                    count: n,
                    block: 1,
                }));
                Selection::Hyperslab(Hyperslab::from(slices))
            };
            builder = match element {
                ElementType::F32 => builder.fill_value(f32::NAN),
                ElementType::F64 => builder.fill_value(f64::NAN),
                ElementType::I64 => builder.fill_value(-1i64),
                _ => builder,
            };
            for s in sources {
                let mut source_shape = shape.to_vec();
                source_shape[0] = s.instants;
                builder = builder.virtual_map(
                    s.file,
                    name,
                    growing(&source_shape),
                    instants(0, s.count),
                    growing(shape),
                    instants(s.start, s.count),
                );
            }
        }
    }
    builder.empty_as(descriptor(element)).shape(extents).create(name)
}

/// Offset of a contiguous dataset in its file.
pub(crate) fn offset(dataset: &Dataset) -> Option<u64> {
    dataset.offset()
}

/// The element type of a dataset; `None` if it is not one of the [`STORED_TYPES`].
pub(crate) fn element_type(dataset: &Dataset) -> Option<ElementType> {
    let found = dataset.dtype().and_then(|t| t.to_descriptor()).ok()?;
    STORED_TYPES.into_iter().find(|element| descriptor(*element) == found)
}

/// Changes the length of the first axis.
pub(crate) fn resize(dataset: &Dataset, instants: usize) -> Result<()> {
    let mut shape = dataset.shape();
    shape[0] = instants;
    dataset.resize(shape)
}
