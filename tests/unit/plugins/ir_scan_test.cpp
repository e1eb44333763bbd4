#include "openvino/ir_scan.h"

#include "unit/plugins/folder.h"

namespace speedster::openvino {
namespace {

using plugin::failure_code;
using plugin::Folder;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

/// One layer; `data` are the attributes of its <data>.
std::string layer(int id, const std::string& type, const std::string& data = "",
                  const std::string& version = "opset1") {
  return "<layer id=\"" + std::to_string(id) + "\" name=\"l" + std::to_string(id) + "\" type=\"" + type +
         "\" version=\"" + version + "\">" + (data.empty() ? "" : "<data " + data + " />") + "</layer>\n";
}
std::string edge(int from, int to, int port) {
  return "<edge from-layer=\"" + std::to_string(from) + "\" from-port=\"0\" to-layer=\"" + std::to_string(to) +
         "\" to-port=\"" + std::to_string(port) + "\"/>\n";
}
std::string net(const std::string& layers, const std::string& edges) {
  return "<?xml version=\"1.0\"?>\n<net name=\"n\" version=\"11\"><layers>" + layers + "</layers><edges>" + edges +
         "</edges></net>";
}
const std::string kInput = layer(0, "Parameter", "shape=\"?,4\" element_type=\"f32\"");

IrScan scan(const Folder& folder, const std::string& xml) {
  folder.write("m.bin", "weights");
  return scan_ir(folder.write("m.xml", xml));
}

TEST(IrScan, PlainOperationsFollowTheInputsShapes) {
  const Folder folder;
  const IrScan found = scan(folder, net(kInput + layer(1, "ReLU") + layer(2, "Result"), edge(0, 1, 0) + edge(1, 2, 0)));
  EXPECT_THAT(found.value_dependent, ElementsAre(false));
  EXPECT_TRUE(found.free_axes);
  EXPECT_FALSE(found.has_state);
}

TEST(IrScan, FixedShapesHaveNoFreeAxes) {
  const Folder folder;
  const std::string fixed = layer(0, "Parameter", "shape=\"1,4\" element_type=\"f32\"") + layer(1, "Result");
  EXPECT_FALSE(scan(folder, net(fixed, edge(0, 1, 0))).free_axes);
}

TEST(IrScan, ReshapeByConstantsShapesAndInputs) {
  const Folder folder;
  const std::string target = layer(1, "Const", "element_type=\"i64\" shape=\"2\"");
  const std::string tail = layer(3, "Reshape") + layer(4, "Result");
  const std::string edges = edge(0, 3, 0) + edge(3, 4, 0);
  const IrScan constant = scan(folder, net(kInput + target + tail, edges + edge(1, 3, 1)));
  EXPECT_THAT(constant.value_dependent, ElementsAre(false));
  EXPECT_THAT(constant.constant_types, ElementsAre("i64"));
  EXPECT_THAT(
      scan(folder, net(kInput + layer(2, "ShapeOf") + tail, edges + edge(0, 2, 0) + edge(2, 3, 1))).value_dependent,
      ElementsAre(false));
  EXPECT_THAT(scan(folder, net(kInput + layer(2, "Parameter", "shape=\"2\" element_type=\"i64\"") + tail,
                               edges + edge(2, 3, 1)))
                  .value_dependent,
              ElementsAre(true));
}

TEST(IrScan, DataControlFlowAndExtensionsCountAsYes) {
  const Folder folder;
  for (const auto& [type, version] :
       {std::pair{"NonZero", "opset3"}, {"If", "opset8"}, {"ReLU", "extension"}, {"Frob", "opset1"}})
    EXPECT_THAT(
        scan(folder, net(kInput + layer(1, type, "", version) + layer(2, "Result"), edge(0, 1, 0) + edge(1, 2, 0)))
            .value_dependent,
        ElementsAre(true))
        << type;
}

/// The layers of a loop's body have numbers of their own, which may be those of the main graph.
TEST(IrScan, BodiesAreNotTheMainGraph) {
  const Folder folder;
  const std::string body = "<layer id=\"5\" name=\"loop\" type=\"TensorIterator\" version=\"opset1\"><body><layers>" +
                           layer(1, "NonZero") + layer(2, "Const", "element_type=\"f16\"") + layer(3, "Result") +
                           "</layers><edges>" + edge(1, 3, 0) + "</edges></body><back_edges>" + edge(1, 2, 0) +
                           "</back_edges></layer>";
  const IrScan found =
      scan(folder, net(kInput + body + layer(1, "ReLU") + layer(2, "Result"), edge(0, 1, 0) + edge(1, 2, 0)));
  EXPECT_THAT(found.value_dependent, ElementsAre(false));
  EXPECT_THAT(found.constant_types, UnorderedElementsAre("f16"));
}

TEST(IrScan, SeesState) {
  const Folder folder;
  EXPECT_TRUE(scan(folder, net(kInput + layer(1, "ReadValue", "", "opset6") + layer(2, "Result"), "")).has_state);
}

TEST(IrScan, RefusesOtherFiles) {
  const Folder folder;
  EXPECT_EQ(failure_code([&] { scan_ir(folder.path() / "none.xml"); }), SP_NOT_FOUND);
  EXPECT_EQ(failure_code([&] { scan_ir(folder.write("a.xml", "")); }), SP_INVALID);
  EXPECT_EQ(failure_code([&] { scan_ir(folder.write("a.xml", "<html></html>")); }), SP_INVALID);
  const std::string weights = net(kInput + layer(1, "Const", "element_type=\"f32\""), "");
  EXPECT_EQ(failure_code([&] { scan_ir(folder.write("alone.xml", weights)); }), SP_NOT_FOUND);
}

TEST(IrScan, WhatTheVendorDoesNotReadIsNotBelieved) {
  const Folder folder;
  const std::string nonzero = kInput + layer(1, "NonZero") + layer(2, "Result");
  const std::string edges = edge(0, 1, 0) + edge(1, 2, 0);
  const std::string disguise = layer(1, "ReLU");
  EXPECT_THAT(scan(folder, net(nonzero + "<!-- " + disguise + "-->", edges)).value_dependent, ElementsAre(true));
  EXPECT_THAT(scan(folder, net(nonzero + "<![CDATA[" + disguise + "]]>", edges)).value_dependent, ElementsAre(true));
  EXPECT_EQ(failure_code([&] { scan(folder, net(nonzero + disguise, edges)); }), SP_INVALID) << "two layers of one id";
  EXPECT_EQ(failure_code([&] { scan(folder, net(nonzero + "<layer name='>' id=\"9\"/>", edges)); }), SP_INVALID);
  EXPECT_EQ(failure_code([&] { scan(folder, "<!DOCTYPE net [<!ENTITY a \"b\">]>" + net(nonzero, edges)); }),
            SP_INVALID);
}

TEST(IrScan, WeightsAreNoLink) {
  const Folder folder;
  const std::string xml = net(kInput + layer(1, "Const", "element_type=\"f32\"") + layer(2, "Result"), edge(1, 2, 0));
  folder.write("elsewhere", "weights");
  std::filesystem::create_symlink("elsewhere", folder.path() / "linked.bin");
  EXPECT_EQ(failure_code([&] { scan_ir(folder.write("linked.xml", xml)); }), SP_INVALID);
}

TEST(IrScan, EveryCutEndsInAFailureOrAScan) {
  const Folder folder;
  folder.write("m.bin", "weights");
  const std::string whole = net(kInput + layer(1, "ReLU") + layer(2, "Result"), edge(0, 1, 0) + edge(1, 2, 0));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const int code = failure_code([&] { scan_ir(folder.write("m.xml", whole.substr(0, length))); });
    EXPECT_TRUE(code == 0 || code == SP_INVALID) << length;
  }
}

}  // namespace
}  // namespace speedster::openvino
