// A client of another make: node-opcua. Run by tests/opcua/test_node_client.py; needs `npm install node-opcua-client`.
// Usage: node node_client.mjs ENDPOINT CERTIFICATE.pem KEY.pem APPLICATION_URI USER PASSWORD STATION
import {
  AttributeIds, DataType, MessageSecurityMode, OPCUAClient, SecurityPolicy, UserTokenType,
} from "node-opcua-client";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";

const [endpoint, certificateFile, privateKeyFile, applicationUri, userName, password, station] = process.argv.slice(2);
const serverCertificateManager = new OPCUACertificateManager({
  rootFolder: `${certificateFile}.pki`,
  automaticallyAcceptUnknownCertificate: true,
});
await serverCertificateManager.initialize();
const client = OPCUAClient.create({
  applicationUri,
  applicationName: "plc",
  certificateFile,
  privateKeyFile,
  serverCertificateManager,
  clientCertificateManager: serverCertificateManager,
  securityMode: MessageSecurityMode.SignAndEncrypt,
  securityPolicy: SecurityPolicy.Basic256Sha256,
  endpointMustExist: false,
  connectionStrategy: { maxRetry: 1 },
});
await client.connect(endpoint);
const session = await client.createSession({ type: UserTokenType.UserName, userName, password });
const nodeId = (name) => `ns=2;s=station/${station}/${name}`;
const read = async (name) => session.read({ nodeId: nodeId(name), attributeId: AttributeIds.Value });
const browsed = await session.browse(`ns=2;s=station/${station}`);
const called = await session.call({
  objectId: "ns=2;s=Ussop",
  methodId: "ns=2;s=TriggerInspection",
  inputArguments: [
    { dataType: DataType.String, value: station },
    { dataType: DataType.String, value: "SN-node" },
  ],
});
const decision = await read("LastDecision");
const counter = await read("ResultCounter");
const history = await session.readHistoryValue(
  nodeId("LastDecision"), new Date(Date.now() - 3600_000), new Date(Date.now() + 60_000),
);
console.log(JSON.stringify({
  names: browsed.references.map((reference) => reference.browseName.name),
  status: called.statusCode.name,
  inspectionId: called.outputArguments[0]?.value,
  decision: decision.value.value,
  quality: decision.statusCode.name,
  counter: counter.value.value,
  past: history.historyData.dataValues.length,
}));
await session.close();
await client.disconnect();
