// A server of another make: node server.js PORT FOLDER. Prints {"ready":true,"fingerprint":…} once; runs until killed.
"use strict";
const crypto = require("node:crypto");
const opcua = require("node-opcua");

const [port, folder] = [Number(process.argv[2]), process.argv[3]];
const { MessageSecurityMode: Mode, SecurityPolicy: Policy } = opcua;

async function main() {
    const certificates = new opcua.OPCUACertificateManager({ automaticallyAcceptUnknownCertificate: true, rootFolder: folder });
    await certificates.initialize();
    const server = new opcua.OPCUAServer({
        port,
        hostname: "127.0.0.1",
        host: "127.0.0.1",
        serverCertificateManager: certificates,
        securityPolicies: [Policy.None, Policy.Basic256Sha256, Policy.Aes128_Sha256_RsaOaep, Policy.Aes256_Sha256_RsaPss],
        securityModes: [Mode.None, Mode.Sign, Mode.SignAndEncrypt],
        userManager: { isValidUser: (user, password) => user === "operator" && password === "secret" },
        serverCapabilities: {
            operationLimits: { maxNodesPerRead: 50, maxMonitoredItemsPerCall: 20, maxNodesPerBrowse: 30, maxNodesPerHistoryReadData: 3 },
        },
    });
    await server.initialize();
    const space = server.engine.addressSpace;
    const own = space.getOwnNamespace();
    const cell = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Cell", nodeId: "s=Cell" });

    const analog = own.addAnalogDataItem({
        componentOf: cell, browseName: "Temperature", nodeId: "s=Temperature", dataType: "Double",
        engineeringUnitsRange: { low: -50, high: 150 }, engineeringUnits: opcua.standardUnits.degree_celsius,
        value: { dataType: "Double", value: 21.5 },
    });
    analog.setValueFromSource({ dataType: "Double", value: 21.5 });

    const counter = own.addVariable({ componentOf: cell, browseName: "Counter", nodeId: "s=Counter", dataType: "UInt32" });
    space.installHistoricalDataNode(counter, { maxOnlineValues: 5000 });
    let count = 0;
    setInterval(() => counter.setValueFromSource({ dataType: "UInt32", value: ++count }), 100);

    const many = own.addFolder(space.rootFolder.objects, { browseName: "Many", nodeId: "s=Many" });
    for (let number = 0; number < 1500; number++) {
        const tag = own.addVariable({ organizedBy: many, browseName: `Tag${number}`, nodeId: `s=Tag${number}`, dataType: "Double" });
        tag.setValueFromSource({ dataType: "Double", value: number });
    }
    await server.start();
    const fingerprint = crypto.createHash("sha256").update(server.getCertificate()).digest("hex");
    console.log(JSON.stringify({ ready: true, fingerprint, namespace: own.namespaceUri }));
}

main().catch((error) => { console.error(error); process.exit(1); });
