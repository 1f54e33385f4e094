// A client of another make: node-opcua. Run by tests/opcua/test_node_client.py; `install.sh` fetches the packages.
// Usage: node client.mjs '{"endpoint", "certificate", "key", "stranger", "strangerKey", "uri", "user", "password", "station"}'
import {
  AttributeIds, DataType, MessageSecurityMode, OPCUAClient, SecurityPolicy, TimestampsToReturn, UserTokenType,
  constructEventFilter,
} from "node-opcua-client";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";

const wanted = JSON.parse(process.argv[2]);
const serverCertificateManager = new OPCUACertificateManager({
  rootFolder: `${wanted.certificate}.pki`,
  automaticallyAcceptUnknownCertificate: true,
});
await serverCertificateManager.initialize();

function newClient(certificateFile, privateKeyFile) {
  return OPCUAClient.create({
    applicationUri: wanted.uri,
    applicationName: "plc",
    certificateFile,
    privateKeyFile,
    serverCertificateManager,
    clientCertificateManager: serverCertificateManager,
    securityMode: MessageSecurityMode.SignAndEncrypt,
    securityPolicy: SecurityPolicy.Basic256Sha256,
    endpointMustExist: false,
    connectionStrategy: { maxRetry: 0 },
  });
}

const login = { type: UserTokenType.UserName, userName: wanted.user, password: wanted.password };

// What becomes of somebody who should not come in: "came in", or the server's reason.
async function attempt(certificate, key, identity) {
  const client = newClient(certificate, key);
  try {
    await client.connect(wanted.endpoint);
    const session = await client.createSession(identity);
    await session.close();
    return "came in";
  } catch (error) {
    return String(error.message);
  } finally {
    await client.disconnect();
  }
}

async function until(condition, what) {
  const giveUpAt = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`${what}: not within a minute`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const client = newClient(wanted.certificate, wanted.key);
await client.connect(wanted.endpoint);
const session = await client.createSession(login);
const nodeId = (name) => `ns=2;s=station/${wanted.station}/${name}`;
const read = async (name) => session.read({ nodeId: nodeId(name), attributeId: AttributeIds.Value });
const browsed = await session.browse(`ns=2;s=station/${wanted.station}`);

const subscription = await session.createSubscription2({
  requestedPublishingInterval: 50, requestedLifetimeCount: 600, requestedMaxKeepAliveCount: 20,
  maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 1,
});
const counters = [];
const events = [];
const counterItem = await subscription.monitor(
  { nodeId: nodeId("ResultCounter"), attributeId: AttributeIds.Value },
  { samplingInterval: 0, queueSize: 50, discardOldest: true }, TimestampsToReturn.Both,
);
counterItem.on("changed", (value) => counters.push(value.value.value));
const fields = ["2:InspectionId", "2:PartId", "Severity"];
const eventItem = await subscription.monitor(
  { nodeId: "i=2253", attributeId: AttributeIds.EventNotifier },
  { samplingInterval: 0, queueSize: 50, discardOldest: true, filter: constructEventFilter(fields) },
  TimestampsToReturn.Neither,
);
eventItem.on("changed", (found) => events.push(found.map((field) => field.value)));
await until(() => counters.length > 0, "the first value");

const called = await session.call({
  objectId: "ns=2;s=Ussop",
  methodId: "ns=2;s=TriggerInspection",
  inputArguments: [
    { dataType: DataType.String, value: wanted.station },
    { dataType: DataType.String, value: "SN-node" },
  ],
});
await until(() => counters.length > 1, "the next value");
// Somebody has a bad part inspected when told to: the event tells of it.
console.log("READY");
await until(() => events.some((found) => found[1] === "SN-bad"), "the event");

const decision = await read("LastDecision");
const history = await session.readHistoryValue(
  nodeId("LastPartId"), new Date(Date.now() - 3600_000), new Date(Date.now() + 60_000),
);
const written = await session.write({
  nodeId: nodeId("LastDecision"), attributeId: AttributeIds.Value,
  value: { value: { dataType: DataType.String, value: "pass" } },
}).then((status) => status.name, (error) => String(error.message));
const types = {};
for (const reference of browsed.references) {
  const name = reference.browseName.name;
  types[name] = DataType[(await read(name)).value.dataType];
}
await subscription.terminate();
await session.close();
await client.disconnect();

const wrong = { ...login, password: "wrong password 1" };
console.log(JSON.stringify({
  types,
  status: called.statusCode.name,
  inspectionId: called.outputArguments[0]?.value,
  called: called.outputArguments[1]?.value,
  decision: decision.value.value,
  quality: decision.statusCode.name,
  counters,
  bad: events.filter((found) => found[1] === "SN-bad"),
  past: history.historyData.dataValues.map((value) => value.value.value),
  written,
  wrongPassword: await attempt(wanted.certificate, wanted.key, wrong),
  anonymous: await attempt(wanted.certificate, wanted.key, { type: UserTokenType.Anonymous }),
  unknownCertificate: await attempt(wanted.stranger, wanted.strangerKey, login),
}));
process.exit(0);
