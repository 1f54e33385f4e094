"""An object's nodes, to be made again under other names: every station has the same ones.

Asyncua makes each object by browsing its type anew, which took 0.12 s a station (measured); a copy takes a few
milliseconds. Here we reach into its address space: the first object is made by asyncua itself, what it made is copied.
"""

from dataclasses import replace

from asyncua import Server, ua
from asyncua.server.address_space import AttributeValue, NodeData


class Blueprint:
    """What was made for the first object, as it was at that moment."""

    def __init__(self, server: Server, root: ua.NodeId) -> None:
        """Takes the object, whose id is a string that the ids of all nodes below begin with, or whose are numbers."""
        self._space = server.iserver.aspace
        self._root = root
        self._nodes = {node_id: _copy_of(self._space[node_id]) for node_id in self._find()}

    def build(self, root: ua.NodeId, name: ua.QualifiedName) -> None:
        """Makes the same nodes once more, below the same parent."""
        renamed = {old: self._renamed(old, root) for old in self._nodes}
        label = ua.LocalizedText(name.Name)
        for old, data in self._nodes.items():
            made = _copy_of(data, renamed)
            made.attributes[ua.AttributeIds.NodeId] = _value(renamed[old], ua.VariantType.NodeId)
            if old == self._root:
                made.attributes[ua.AttributeIds.BrowseName] = _value(name, ua.VariantType.QualifiedName)
                made.attributes[ua.AttributeIds.DisplayName] = _value(label, ua.VariantType.LocalizedText)
            for reference in made.references:
                if reference.NodeId == root:
                    reference.BrowseName, reference.DisplayName = name, label
            self._space[made.nodeid] = made
        for reference in self._space[root].references:
            if not reference.IsForward and (above := self._space.get(reference.NodeId)) is not None:
                self._hang(above, root, name, label)

    def _find(self) -> list[ua.NodeId]:
        found, seen = [self._root], {self._root}
        for node_id in found:
            for reference in self._space[node_id].references:
                if reference.IsForward and reference.NodeId not in seen and self._is_part(reference.NodeId):
                    seen.add(reference.NodeId)
                    found.append(reference.NodeId)
        return found

    def _is_part(self, node_id: ua.NodeId) -> bool:
        if node_id.NamespaceIndex != self._root.NamespaceIndex:
            return False
        if not isinstance(node_id.Identifier, str):
            return True  # the arguments of a method have numbers
        return str(node_id.Identifier).startswith((f"{self._root.Identifier}/", f"{self._root.Identifier}."))

    def _renamed(self, old: ua.NodeId, root: ua.NodeId) -> ua.NodeId:
        if not isinstance(old.Identifier, str):
            return self._space.generate_nodeid(root.NamespaceIndex)
        end = old.Identifier.removeprefix(str(self._root.Identifier))
        return ua.NodeId(f"{root.Identifier}{end}", root.NamespaceIndex)

    def _hang(self, above: NodeData, root: ua.NodeId, name: ua.QualifiedName, label: ua.LocalizedText) -> None:
        """Lets what lies above refer to the copy as it refers to the first one."""
        for reference in list(above.references):
            if reference.IsForward and reference.NodeId == self._root:
                above.references.append(replace(reference, NodeId=root, BrowseName=name, DisplayName=label))


def _copy_of(data: NodeData, renamed: dict[ua.NodeId, ua.NodeId] | None = None) -> NodeData:
    names = renamed or {}
    made = NodeData(names.get(data.nodeid, data.nodeid))
    # A value is replaced as a whole and never changed: copies may share it until then.
    made.attributes = {number: AttributeValue(held.value) for number, held in data.attributes.items()}
    made.references = [replace(known, NodeId=names.get(known.NodeId, known.NodeId)) for known in data.references]
    made.call = data.call
    return made


def _value(value: object, kind: ua.VariantType) -> AttributeValue:
    return AttributeValue(ua.DataValue(ua.Variant(value, kind)))
