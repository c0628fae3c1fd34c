//! XDMF documents, which describe the HDF5 files to ParaView. (See <https://www.xdmf.org/index.php/XDMF_Model_and_Format>.)
use super::catalogue::SealedSegment;
use super::layout::{Layout, RecordAxis, Variable};
use std::fmt::Write;

/// The XDMF document of a stream; `None` if no variable has two or three spatial axes. Variables on the same axes share a
/// grid, so staggered fields have separate grids.
pub(super) fn document(layout: &Layout, sealed: &[SealedSegment]) -> Option<String> {
    let mut grids: Vec<(&[usize], Vec<&Variable>)> = vec![];
    for v in layout.variables.iter().filter(|v| is_drawable(layout, v)) {
        match grids.iter_mut().find(|(axes, _)| *axes == v.axes) {
            Some((_, variables)) => variables.push(v),
            None => grids.push((&v.axes, vec![v])),
        }
    }
    if grids.is_empty() {
        return None;
    }
    let mut text = String::from("<?xml version=\"1.0\" ?>\n<Xdmf Version=\"2.0\">\n<Domain>\n");
    for (axes, variables) in &grids {
        // Writing into a String cannot fail.
        let _ = collection(&mut text, layout, axes, variables, sealed);
    }
    text.push_str("</Domain>\n</Xdmf>\n");
    Some(text)
}

fn is_drawable(layout: &Layout, v: &Variable) -> bool {
    (v.axes.len() == 2 || v.axes.len() == 3) && v.axes.iter().all(|&a| layout.axes[a].cf_axis.is_some())
}

fn collection(
    out: &mut String,
    layout: &Layout,
    axes: &[usize],
    variables: &[&Variable],
    sealed: &[SealedSegment],
) -> std::fmt::Result {
    let stream = escape(&layout.name);
    let names: Vec<_> = axes.iter().map(|&a| escape(&layout.axes[a].name)).collect();
    let shape: Vec<_> = axes.iter().map(|&a| layout.axes[a].values.len()).collect();
    let (topology, geometry) = if axes.len() == 2 { ("2DRectMesh", "VXVY") } else { ("3DRectMesh", "VXVYVZ") };
    writeln!(
        out,
        "<Grid Name=\"{stream} ({})\" GridType=\"Collection\" CollectionType=\"Temporal\">",
        names.join(", ")
    )?;
    for segment in sealed {
        let file = format!("{stream}/{}", segment.file_name());
        for (instant, at) in segment.instants.iter().enumerate() {
            let time = match layout.record_axis {
                RecordAxis::Time => format!("{:?}", at.time),
                RecordAxis::Step => at.step.to_string(),
            };
            writeln!(out, "<Grid Name=\"{stream}\" GridType=\"Uniform\">\n<Time Value=\"{time}\"/>")?;
            writeln!(out, "<Topology TopologyType=\"{topology}\" Dimensions=\"{}\"/>", spaced(&shape))?;
            writeln!(out, "<Geometry GeometryType=\"{geometry}\">")?;
            // The fastest axis first.
            for (name, n) in names.iter().zip(&shape).rev() {
                writeln!(out, "{}{file}:/{name}</DataItem>", item(&[*n], 8))?;
            }
            writeln!(out, "</Geometry>")?;
            for v in variables {
                let name = escape(&v.name);
                let (start, count) = ([&[instant], &vec![0; axes.len()][..]].concat(), [&[1], &shape[..]].concat());
                let whole = [&[segment.held], &shape[..]].concat();
                writeln!(out, "<Attribute Name=\"{name}\" AttributeType=\"Scalar\" Center=\"Node\">")?;
                writeln!(out, "<DataItem ItemType=\"HyperSlab\" Dimensions=\"{}\">", spaced(&shape))?;
                let select = [spaced(&start), spaced(&vec![1; start.len()]), spaced(&count)].join(" ");
                writeln!(out, "<DataItem Dimensions=\"3 {}\" Format=\"XML\">{select}</DataItem>", start.len())?;
                writeln!(out, "{}{file}:/{name}</DataItem>", item(&whole, v.element.size()))?;
                writeln!(out, "</DataItem>\n</Attribute>")?;
            }
            writeln!(out, "</Grid>")?;
        }
    }
    writeln!(out, "</Grid>")
}

fn item(shape: &[usize], precision: usize) -> String {
    let shape = spaced(shape);
    format!("<DataItem Dimensions=\"{shape}\" NumberType=\"Float\" Precision=\"{precision}\" Format=\"HDF\">")
}

fn spaced(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
